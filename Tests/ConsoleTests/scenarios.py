"""What the console must do in a real browser. Each function is a scenario; its first line says the
rule. Between scenarios the site stays: each makes what it needs."""

from __future__ import annotations

import json
import threading
import urllib.parse

from selenium.webdriver.common.keys import Keys

from browser import NARROW, Browser
from console_site import PASSWORD, Site, connector, until

FAILED = "rq:failed:default"
PSP = "ValueError: the PSP answers 503"
CLOSED = "PermissionError: the merchant's account is closed"


def fail(site: Site, psp: int = 2, closed: int = 1) -> None:
    """Makes failed jobs, and nothing else."""
    site.redis_command("FLUSHALL")
    site.post(psp, currency="JPY")
    site.post(closed, currency="GBP")
    site.start_worker(connector("JPY", burst=True))
    until("all jobs have failed", lambda: failed(site) == psp + closed)


def failed(site: Site) -> int:
    return int(site.redis_command("ZCARD", FAILED) or 0)


def queued(site: Site) -> int:
    return int(site.redis_command("LLEN", "rq:queue:default") or 0)


def changed(site: Site) -> list[dict]:
    return [line for line in site.logged() if "of dead letters" in line.get("message", "")]


def clean(browser: Browser) -> None:
    """No error in the browser's log, no violation of the policy, none that axe finds."""
    problems = browser.problems()
    assert not problems, problems
    violations = browser.axe()
    assert not violations, violations
    # axe itself is not of the page's origin.
    browser.problems()


def signs_in_and_shows_numbers(site: Site) -> None:
    """The numbers move under load, the plots are drawn, and the missing worker is warned of."""
    site.redis_command("FLUSHALL")
    with Browser(site) as browser:
        browser.open()
        clean(browser)
        until("a warning", lambda: "Workers" in browser.shown("#warnings"))
        assert "Start the connector" in browser.shown("#warnings")
        assert "Needs attention" in browser.shown("#state")
        ends = threading.Event()
        token = site.token()

        def call() -> None:
            while not ends.is_set():
                site.post(20, token=token)
                site.post(1, currency="XXX", token=token)

        caller = threading.Thread(target=call)
        caller.start()
        try:
            def number(label: str) -> float:
                return float((browser.card(label) or "–").replace(",", "").replace("–", "0"))

            until("transactions are accepted", lambda: number("Accepted") > 1)
            until("some are refused", lambda: number("Refused") > 0)
            until("they wait", lambda: number("Waiting") > 10)
            until("times are known", lambda: number("99 % within (p99)") > 0)
            until("a curve", lambda: "L" in browser.one(".curve").get_attribute("d"))
            until("its text", lambda: "highest" in browser.one("svg").get_attribute("aria-label"))
            until("the codes", lambda: "invalid_transaction" in browser.shown("#refusals"))
        finally:
            ends.set()
            caller.join()
        site.start_worker(connector(burst=False))
        until("all is well", lambda: "All well" in browser.shown("#state"))
        assert not browser.shown("#warnings")
        browser.click("button", "6 hours")
        until("the other plot", lambda: "6 hours" in browser.one("svg").get_attribute("aria-label"))
        clean(browser)
        site.children[-1].end()


def lists_and_finds_transactions(site: Site) -> None:
    """The last accepted and refused are listed, and one is found by its id as it changes."""
    site.redis_command("FLUSHALL")
    ids = site.post(3, currency="USD", token=site.token(77))
    site.post(1, currency="XXX")
    site.post(1, token="a.secret.token")
    with Browser(site) as browser:
        browser.open("transactions")
        until("the accepted", lambda: ids[2] in browser.shown("#accepted"))
        refused = browser.shown("#refused")
        assert "invalid_transaction" in refused and "token_malformed" in refused, refused
        assert "a.secret.token" not in browser.driver.page_source
        browser.one("#find-id").send_keys(ids[0], Keys.ENTER)
        until("it waits", lambda: "queued" in browser.shown("#found"))
        assert "77" in browser.shown("#found") and "100 USD" in browser.shown("#found")
        site.start_worker(connector(burst=True))
        until("it is processed", lambda: queued(site) == 0)
        browser.click("#find button", "Find")
        until("it says so", lambda: "processed" in browser.shown("#found"))
        field = browser.one("#find-id")
        field.clear()
        field.send_keys("f47ac10b-58cc-4372-a567-0e02b2c3d479", Keys.ENTER)
        until("unknown", lambda: "not known" in browser.shown("#found"))
        # A 404 is an error for the browser, and right.
        assert all("404" in problem for problem in browser.problems())
        clean(browser)


def requeues_and_removes(site: Site) -> None:
    """Requeue and remove ask first, change Redis, and leave a line in the log."""
    fail(site, psp=3, closed=2)
    with Browser(site) as browser:
        browser.open("dead")
        until("the reasons", lambda: PSP in browser.shown("#reasons"))
        assert CLOSED in browser.shown("#reasons")
        assert "5 dead letters" in browser.shown("#dead-summary")
        clean(browser)
        # Nothing changes without a yes.
        browser.click("#letters button", "Requeue")
        until("it asks", lambda: "Put back" in browser.shown("#ask-title"))
        clean(browser)
        browser.click("#ask-no")
        assert failed(site) == 5 and not changed(site)
        # One is looked at, and put back.
        browser.click("#letters button.link")
        until("its traceback", lambda: "Traceback" in browser.shown("#letter-trace"))
        clean(browser)
        browser.click("#letter-actions button", "Requeue")
        browser.click("#ask-yes")
        until("it is put back", lambda: failed(site) == 4 and queued(site) == 1)
        until("the page says so", lambda: "4 dead letters" in browser.shown("#dead-summary"))
        # One is removed.
        browser.click("#letters button", "Remove")
        browser.click("#ask-yes")
        until("it is removed", lambda: failed(site) == 3 and queued(site) == 1)
        # All of a reason.
        until("the list is new", lambda: "3 dead letters" in browser.shown("#dead-summary"))
        before = queued(site)
        browser.click("#reasons tbody tr:first-child button", "Requeue all")
        browser.click("#ask-yes")
        until("all of a reason are put back", lambda: queued(site) > before)
        lines = until("lines in the log", lambda: len(changed(site)) == 3 and changed(site))
        assert all(line["operator"] == "operator" and line["peer"] for line in lines), lines
        assert "id" in lines[0] and "reason" in lines[2], lines
        # What was put back is processed by a connector that has been mended.
        left = failed(site)
        site.start_worker(connector(burst=True))
        until("the rest is processed", lambda: queued(site) == 0)
        until("the others have not moved", lambda: failed(site) >= left)
        clean(browser)


def obeys_the_keyboard_alone(site: Site) -> None:
    """A dead letter is found, looked at and put back without a mouse."""
    fail(site, psp=1, closed=0)
    with Browser(site) as browser:
        browser.open()
        browser.press(Keys.TAB)
        assert "Skip" in browser.focused()
        browser.tab_to(lambda name: name.startswith("Dead letters"))
        browser.press(Keys.ENTER)
        until("the letters", lambda: browser.all("#letters tbody tr"))
        browser.tab_to(lambda name: name.startswith("Requeue the transaction"))
        browser.press(Keys.ENTER)
        until("it asks", lambda: browser.shown("#ask-title"))
        assert browser.focused() == "Cancel"
        browser.press(Keys.ESCAPE)
        until("it is closed", lambda: not browser.shown("#ask-title"))
        assert failed(site) == 1
        assert browser.focused().startswith("Requeue the transaction"), browser.focused()
        browser.press(Keys.ENTER)
        until("it asks again", lambda: browser.shown("#ask-title"))
        browser.tab_to(lambda name: name == "Requeue")
        browser.press(Keys.ENTER)
        until("it is put back", lambda: failed(site) == 0 and queued(site) == 1)
        clean(browser)


def fits_every_screen(site: Site) -> None:
    """360 pixels need no horizontal scroll, and axe finds nothing, in light and dark."""
    fail(site)
    site.post(2)
    site.post(1, currency="XXX")
    for is_dark in (False, True):
        with Browser(site, is_dark=is_dark, size=NARROW) as browser:
            for section in ("now", "transactions", "dead"):
                browser.open(section)
                if section == "dead":
                    until("the letters", lambda: browser.all("#letters tbody tr"))
                if section == "transactions":
                    until("the lists", lambda: browser.all("#accepted tbody tr"))
                assert browser.overflow() <= 0, (section, browser.overflow())
                clean(browser)
            browser.click("#letters button.link")
            until("a letter", lambda: browser.shown("#letter-trace"))
            assert browser.overflow() <= 0
            clean(browser)
            ground = browser.driver.execute_script(
                "return getComputedStyle(document.body).backgroundColor"
            )
            light = sum(int(part) for part in ground[4:-1].split(",")) > 380
            assert light != is_dark, ground


def tells_when_the_server_is_away(site: Site) -> None:
    """The page says since when it has no news, and goes on by itself."""
    with Browser(site) as browser:
        browser.open()
        site.server.process.send_signal(19)
        site.server.process.send_signal(18)
        browser.driver.execute_cdp_cmd("Network.enable", {})
        offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        browser.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions", {**offline, "offline": True}
        )
        until("it says so", lambda: "No news since" in browser.shown("#lost"))
        browser.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions", {**offline, "offline": False}
        )
        until("it goes on", lambda: not browser.shown("#lost"))


def refuses_a_wrong_password(site: Site) -> None:
    """A wrong password is refused slowly, logged with its peer, and tells nothing."""
    status, fields, text = site.ask("GET", "/console/", password="")
    assert status == 401 and fields["WWW-Authenticate"].startswith("Basic "), fields
    for path in ("/console/", "/console/now", "/console/none", "/console/console.js"):
        status, fields, text = site.ask("GET", path, password="wrong")
        assert status in (401, 429), status
        for name, part in (
            ("Content-Security-Policy", "default-src 'none'"),
            ("Content-Security-Policy", "frame-ancestors 'none'"),
            ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
        ):  # fmt: skip
            assert part in fields[name], (path, fields)
    lines = [line for line in site.logged() if "wrong user or password" in line["message"]]
    assert lines and all(line["peer"] == "127.0.0.1" for line in lines), lines
    log = site.server.text()
    assert PASSWORD not in log and '"wrong"' not in log
    with Browser(site) as browser:
        login = urllib.parse.quote("no such password")
        browser.driver.get(site.address.replace("http://", f"http://operator:{login}@"))
        assert not browser.all("#state")


def refuses_other_origins(site: Site) -> None:
    """Only a page of the console changes anything, and no GET does."""
    fail(site, psp=1, closed=0)
    body = "all=1"
    for fields in (
        {}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"}, {"Origin": "http://evil.example"}, {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": f"http://127.0.0.1:{site.console_port}"},
    ):  # fmt: skip
        status, _, _ = site.ask("POST", "/console/remove", body, **fields)
        assert status == 403, (status, fields)
    for path in ("/console/remove?all=1", "/console/requeue?all=1"):
        assert site.ask("GET", path)[0] == 404
    for wrong in ("all=1&reason=x", "all=1&id=x", "id=x&reason=y", "all=2", "after=x", ""):
        status, _, text = site.ask("POST", "/console/remove", wrong, Sec_Fetch_Site="same-origin")
        assert status == 400 and "one of id, reason and all=1" in text, (wrong, status, text)
    assert failed(site) == 1
    # A page of another origin, in a browser that is signed in.
    with Browser(site) as browser:
        browser.open()
        browser.driver.get(
            "data:text/html,<form method=post action='"
            + site.address + "remove'><input name=all value=1></form>"
        )  # fmt: skip
        browser.driver.execute_script("document.forms[0].submit()")
        until("it is refused", lambda: "Sec-Fetch-Site" in browser.text("body"))
    assert failed(site) == 1
    origin = f"http://127.0.0.1:{site.console_port}"
    status, _, text = site.ask("POST", "/console/requeue", body, Origin=origin)
    assert status == 200 and json.loads(text)["count"] == 1, text


def changes_nothing_when_read_only(site: Site) -> None:
    """With CONSOLE_ACTIONS=off the page offers no change, and the server refuses every one."""
    with Site(site.program, CONSOLE_ACTIONS="off") as other:
        fail(other)
        with Browser(other) as browser:
            browser.open("dead")
            until("the letters", lambda: browser.all("#letters tbody tr"))
            assert "Read-only" in browser.shown("#read-only")
            names = [button.text for button in browser.all("#dead button")]
            assert not any("Requeue" in name or "Remove" in name for name in names), names
            clean(browser)
        for action in ("requeue", "remove"):
            status, _, _ = other.ask(
                "POST", f"/console/{action}", "all=1", Sec_Fetch_Site="same-origin"
            )
            assert status == 403
        assert failed(other) == 3


def is_not_there_without_a_password(site: Site) -> None:
    """Without CONSOLE_PASSWORD_FILE there is no console: 404."""
    with Site(site.program, CONSOLE_PASSWORD_FILE="") as other:
        for path in ("/console/", "/console", "/console/now"):
            status, _, text = other.ask("GET", path)
            assert status == 404 and "console" not in text, text


def takes_a_new_password(site: Site) -> None:
    """The password is read again when its file changes."""
    with Site(site.program) as other:
        assert other.ask("GET", "/console/now")[0] == 200
        other.password_file.write_text("another password of the tests\n")
        until(
            "the new one is right",
            lambda: other.ask("GET", "/console/now", password="another password of the tests")[0]
            == 200,
        )
        assert other.ask("GET", "/console/now")[0] == 401


# Markup, an attribute's end, and a character that turns the order of the text behind it.
HOSTILE = (
    "<script>window.ran='script'</script>", "<img src=x onerror=\"window.ran='img'\">",
    "\" onmouseover=\"window.ran='attribute'\" x=\"", "javascript:window.ran='url'",
    "\u202egnp.exe\u200f\u2067", "</td></table><svg onload=\"window.ran='svg'\">",
)  # fmt: skip


def hostile_job(site: Site) -> None:
    """A failed job whose every text is hostile."""
    text = " ".join(HOSTILE)
    site.redis_command(
        "HSET", "rq:job:hostile", "data", "x", "status", "failed", "origin", text,
        "description", f"f(amount={HOSTILE[1]}, currency='{HOSTILE[0]}', user_id={HOSTILE[5]})",
        "worker_name", text, "created_at", HOSTILE[2], "ended_at", "2021-11-04T11:57:11.123456Z",
        "exc_info", f"Traceback {text}\n  {text}\nValueError: {text}\n",
    )  # fmt: skip
    site.redis_command("ZADD", FAILED, "9999999999", "hostile")
    site.redis_command("ZADD", FAILED, "9999999998", HOSTILE[1])


def hostile_entry(site: Site) -> None:
    """A dead letter of a stream whose every name and text is hostile."""
    text = " ".join(HOSTILE)
    site.redis_command(
        "XADD", "s:dead", "*", "id", HOSTILE[1], "amount", HOSTILE[0], "currency", HOSTILE[1],
        "user_id", HOSTILE[5], "created_at", HOSTILE[2], HOSTILE[0], HOSTILE[1],
        "dead_reason", text, "dead_attempts", "3", "dead_group", text,
    )  # fmt: skip


def shows_hostile_text_as_text(site: Site) -> None:
    """Markup in a job, an entry, a request or an address is text: nothing of it runs."""
    with Site(site.program, "stream:s") as other:
        for one, make in ((site, hostile_job), (other, hostile_entry)):
            one.redis_command("FLUSHALL")
            make(one)
            for text in HOSTILE:
                one.post_as(text)
            with Browser(one) as browser:
                browser.open("transactions")
                until("the refused", lambda: browser.all("#refused tbody tr"))
                browser.one("#find-id").send_keys(HOSTILE[1], Keys.ENTER)
                until("unknown", lambda: "not known" in browser.shown("#found"))
                assert all("404" in problem for problem in browser.problems())
                unharmed(browser)
                browser.click("nav a", "Dead letters")
                until("the letters", lambda: browser.all("#letters tbody tr"))
                for text in (HOSTILE[0], HOSTILE[1]):
                    assert text in browser.shown("#reasons"), browser.shown("#reasons")
                    assert text in browser.shown("#letters"), browser.shown("#letters")
                unharmed(browser)
                browser.click("#letters tbody button.link", "hostile" if one is site else "<img")
                until("a letter", lambda: browser.shown("#letter-facts"))
                assert HOSTILE[0] in browser.shown("#letter-facts")
                unharmed(browser)
                browser.click("#letter-actions button", "Close")
                browser.click("#reasons tbody button.link", "<script>")
                until("the search", lambda: "have this reason" in browser.shown("#examined")
                      or "has this reason" in browser.shown("#examined"))
                browser.click("#reasons tbody button", "Remove all")
                until("it asks", lambda: HOSTILE[0] in browser.shown("#ask-text"))
                unharmed(browser)
                # What is asked for is the reason itself, not the text that is shown.
                browser.click("#ask-yes")
                until("it is removed", lambda: "Removed: 1 dead letter" in browser.shown("#said"))
                clean(browser)


def unharmed(browser: Browser) -> None:
    """Nothing has run, and no element was made of a text."""
    assert browser.driver.execute_script("return window.ran ?? null") is None
    made = "main img, dialog img, svg:not(.plot), script:not([src]), [onmouseover], [onerror]"
    assert not browser.all(made), made
    turning = "return /[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.textContent)"
    assert not browser.driver.execute_script(turning)
    assert not browser.problems(), browser.problems()


SCENARIOS = [
    signs_in_and_shows_numbers, lists_and_finds_transactions, requeues_and_removes,
    shows_hostile_text_as_text,
    obeys_the_keyboard_alone, fits_every_screen, tells_when_the_server_is_away,
    refuses_a_wrong_password, refuses_other_origins, changes_nothing_when_read_only,
    is_not_there_without_a_password, takes_a_new_password,
]  # fmt: skip
