#!/usr/bin/env python3
"""Pictures of each page of the console, light and dark, wide and narrow: `make console-pictures`."""

from __future__ import annotations

import argparse
import pathlib
import threading
import time

from browser import NARROW, WIDE, Browser
from console_site import ROOT, Site, connector, until

# So long is the history that the plots show.
HISTORY_SECONDS = 60


def load(site: Site, ends: threading.Event) -> None:
    """Posts transactions at a rate that rises and falls, and some that are refused."""
    token = site.token(42)
    step = 0
    while not ends.is_set():
        step += 1
        site.post(4 + 14 * (step % 12) // 3, token=token)
        if step % 4 == 0:
            site.post(1, currency="XXX", token=token)
        if step % 7 == 0:
            site.post(1, token="not.a.token")
        time.sleep(0.4)


def prepare(site: Site) -> None:
    for currency, count in (("JPY", 7), ("GBP", 3)):
        site.post(count, currency=currency, token=site.token(7))
    site.start_worker(connector("JPY", burst=True))
    until("the jobs have failed", lambda: site.redis_command("ZCARD", "rq:failed:default") == "10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=str(ROOT / ".build/release/core-api"))
    parser.add_argument("--folder", default=str(ROOT / ".run/console-pictures"))
    parser.add_argument("--documents", action="store_true", help="write those of docs/ alone")
    parser.add_argument("--seconds", type=int, default=HISTORY_SECONDS)
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    with Site(arguments.program) as site:
        prepare(site)
        ends = threading.Event()
        caller = threading.Thread(target=load, args=(site, ends))
        worker = site.start_worker(connector("JPY"))
        caller.start()
        try:
            time.sleep(arguments.seconds)
            worker.end()
            if arguments.documents:
                take_documents(site)
                return
            for is_dark in (False, True):
                for name, size in (("wide", WIDE), ("narrow", NARROW)):
                    take(site, folder, is_dark, name, size)
        finally:
            ends.set()
            caller.join()
    print(f"pictures: {folder}")


def take_documents(site: Site) -> None:
    """The two small pictures that README.md and docs/operations.md show."""
    with Browser(site, size=(1060, 720)) as browser:
        browser.open()
        until("the warning", lambda: "No worker" in browser.shown("#warnings"))
        until("the plots are drawn", lambda: "max" in browser.text("#cards-rates .axis"))
        browser.picture(ROOT / "docs/console-now.png", whole=False)
        browser.click("nav a", "Dead letters")
        until("letters are listed", lambda: browser.all("#letters tbody tr"))
        browser.picture(ROOT / "docs/console-dead.png", whole=False)


def take(site: Site, folder: pathlib.Path, is_dark: bool, name: str, size: tuple) -> None:
    ending = f"{'dark' if is_dark else 'light'}-{name}.png"
    with Browser(site, is_dark=is_dark, size=size) as browser:
        browser.open()
        until("the plots are drawn", lambda: "max" in browser.text("#cards-rates .axis"))
        browser.picture(folder / f"now-{ending}")
        browser.click("nav a", "Transactions")
        until("transactions are listed", lambda: browser.all("#accepted tbody tr"))
        browser.picture(folder / f"transactions-{ending}", whole=False)
        browser.click("nav a", "Dead letters")
        until("letters are listed", lambda: browser.all("#letters tbody tr"))
        browser.picture(folder / f"dead-{ending}")
        browser.click("#letters button.link")
        until("a letter is shown", lambda: browser.shown("#letter-trace"))
        browser.picture(folder / f"letter-{ending}", whole=False)
        browser.click("#letter-actions button", "Close")
        browser.click("#letters button", "Requeue")
        until("it asks", lambda: browser.shown("#ask-text"))
        browser.picture(folder / f"ask-{ending}", whole=False)


if __name__ == "__main__":
    main()
