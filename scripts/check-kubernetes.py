#!/usr/bin/env python3
"""The manifests of deploy/kubernetes: valid for each version, and in step with the program.

Each kustomization is rendered as `kubectl kustomize` does, by the few of its features that are in
use here: resources, namespace, images and strategic merge patches. Anything else in one is an error.
The results are checked against the schemas of the API's versions, and their numbers against the
sources of the program. `--write` writes prometheus-rule.yaml from docs/prometheus/alerts.yml.

Run with the Python of .run/check.
"""

import copy
import pathlib
import re
import sys

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "deploy/kubernetes"
RULE_FILE = FOLDER / "base/prometheus-rule.yaml"
# preStop's sleep and sidecar containers are there since 1.30 without a feature gate.
OLDEST = (1, 30)
# Lists that a patch merges by a member of their elements (API reference, "patch merge key").
MERGE_KEYS = {
    "containers": "name", "initContainers": "name", "volumes": "name", "env": "name",
    "volumeMounts": "mountPath"}
FEATURES = {"apiVersion", "kind", "namespace", "resources", "images", "patches"}
CUSTOM_KINDS = {"ServiceMonitor", "PrometheusRule"}
# Seconds between the end of the drain and SIGKILL.
GRACE_SECONDS_MIN = 5


class Wrong(Exception):
    """A check failed."""


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise Wrong(what)


# MARK: - Rendering


def merge_key(path: tuple, kind: str) -> "str | None":
    if path[-1] == "ports":
        return "port" if kind == "Service" else "containerPort"
    return MERGE_KEYS.get(path[-1])


def merged(base, patch, path: tuple, kind: str):
    """A strategic merge patch on a value."""
    if isinstance(base, dict) and isinstance(patch, dict):
        result = dict(base)
        for name, value in patch.items():
            if value is None:
                result.pop(name, None)
            elif name in result:
                result[name] = merged(result[name], value, path + (name,), kind)
            else:
                result[name] = merged([], value, path + (name,), kind) if isinstance(
                    value, list) else value
        return result
    if isinstance(base, list) and isinstance(patch, list):
        key = merge_key(path, kind)
        if key is None:
            return patch
        result = list(base)
        for item in patch:
            found = [index for index, old in enumerate(result) if old.get(key) == item[key]]
            if item.get("$patch") == "delete":
                expect(bool(found), f"{path}: nothing to delete at {item[key]}")
                result = [old for old in result if old.get(key) != item[key]]
            elif found:
                result[found[0]] = merged(result[found[0]], item, path, kind)
            else:
                result.append(item)
        return result
    return patch


def documents(path: pathlib.Path) -> list:
    return [found for found in yaml.safe_load_all(path.read_text()) if found is not None]


def is_target(resource: dict, patch: dict) -> bool:
    return (resource["kind"], resource["metadata"]["name"]) == (
        patch["kind"], patch["metadata"]["name"])


def set_image(resource: dict, image: dict) -> None:
    pod = resource.get("spec", {}).get("template", {}).get("spec", {})
    for container in pod.get("containers", []) + pod.get("initContainers", []):
        if container["image"].split(":")[0] == image["name"]:
            container["image"] = f"{image['newName']}:{image['newTag']}"


def rendered(folder: pathlib.Path) -> list:
    (settings,) = documents(folder / "kustomization.yaml")
    expect(set(settings) <= FEATURES, f"{folder}: {sorted(set(settings) - FEATURES)} is not rendered")
    resources: list = []
    for name in settings["resources"]:
        path = (folder / name).resolve()
        resources += rendered(path) if path.is_dir() else documents(path)
    resources = copy.deepcopy(resources)
    for entry in settings.get("patches", []):
        expect(set(entry) == {"path"}, f"{folder}: a patch by {sorted(entry)} is not rendered")
        for patch in documents(folder / entry["path"]):
            found = [index for index, old in enumerate(resources) if is_target(old, patch)]
            expect(len(found) == 1, f"{folder}/{entry['path']} patches {len(found)} resources")
            index = found[0]
            resources[index] = merged(resources[index], patch, (), patch["kind"])
    for resource in resources:
        if "namespace" in settings:
            resource["metadata"]["namespace"] = settings["namespace"]
        for image in settings.get("images", []):
            set_image(resource, image)
    names = [(one["kind"], one["metadata"]["name"]) for one in resources]
    expect(len(set(names)) == len(names), f"{folder}: a resource is there twice")
    return resources


# MARK: - The program


def source(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


class Program:
    """What the sources of the program say."""

    def __init__(self) -> None:
        usage = source("Sources/CoreAPIServer/Command.swift")
        self.variables = set(re.findall(r"^ {10}([A-Z][A-Z0-9_]+)\b", usage, re.MULTILINE))
        self.port = int(re.search(r"HTTP_PORT +port to listen on \((\d+)\)", usage)[1])
        configuration = source("Sources/CoreAPIServer/Configuration/Configuration.swift")
        milliseconds = re.search(r"drainTimeoutMilliseconds = ([\d_]+)", configuration)[1]
        self.drain_seconds = int(milliseconds.replace("_", "")) // 1_000
        user, group = re.search(r"^USER (\d+):(\d+)$", source("deploy/Dockerfile"), re.M).groups()
        self.user, self.group = int(user), int(group)
        self.paths = set(re.findall(
            r'Route\(\s*\.\w+, "([^"]+)"', source("Sources/CoreAPIServer/Endpoints/Routes.swift")))


# MARK: - Checks


def validate(resources: list, versions: list) -> None:
    for resource in resources:
        if resource["kind"] in CUSTOM_KINDS:
            continue
        for version in versions:
            try:
                kubernetes_validate.validate(resource, version, strict=True)
            except Exception as error:  # the package's exceptions have no common base
                name = f"{resource['kind']} {resource['metadata']['name']}"
                reason = getattr(error, "message", error)
                raise Wrong(f"{name} is not valid for {version}: {reason}") from error


def one(resources: list, kind: str, name: str = "core-api") -> dict:
    found = [
        resource for resource in resources
        if (resource["kind"], resource["metadata"]["name"]) == (kind, name)]
    expect(len(found) == 1, f"there are {len(found)} of {kind} {name}")
    return found[0]


def check_container(container: dict) -> None:
    rules = container["securityContext"]
    expect(
        rules["readOnlyRootFilesystem"] is True and rules["allowPrivilegeEscalation"] is False
        and rules["capabilities"] == {"drop": ["ALL"]}, f"{container['name']} is not confined")
    expect("memory" in container["resources"]["limits"], f"{container['name']} has no memory limit")


def check_pod(deployment: dict, settings: dict, program: Program) -> None:
    template = deployment["spec"]["template"]
    pod = template["spec"]
    user = pod["securityContext"]
    expect(
        (user["runAsUser"], user["runAsGroup"], user["fsGroup"])
        == (program.user, program.group, program.group) and user["runAsNonRoot"] is True,
        "the pod's user is not that of deploy/Dockerfile")
    containers = pod["containers"] + pod.get("initContainers", [])
    for container in containers:
        check_container(container)
    server = next(found for found in pod["containers"] if found["name"] == "core-api")
    pause = server["lifecycle"]["preStop"]["sleep"]["seconds"]
    expect(
        pod["terminationGracePeriodSeconds"] >= pause + program.drain_seconds + GRACE_SECONDS_MIN,
        "the grace period is shorter than preStop and the drain")
    ports = {port["name"]: port["containerPort"] for found in containers for port in found["ports"]}
    expect(ports["metrics"] == int(settings["METRICS_PORT"]), "the metrics' port differs")
    if not settings.get("HTTP_HOST", "").startswith("unix:"):
        expect(
            ports["http"] == int(settings["HTTP_PORT"]) == program.port, "the callers' port differs")
    for name in ("readinessProbe", "livenessProbe"):
        probe = server[name]["httpGet"]
        expect(probe["path"] in program.paths, f"{name}: the server has no {probe['path']}")
        expect(probe["port"] in ports, f"{name}: there is no port {probe['port']}")
    mounts = {found["name"] for container in containers for found in container["volumeMounts"]}
    expect(mounts == {volume["name"] for volume in pod["volumes"]}, "mounts and volumes differ")
    folders = [mount["mountPath"] for mount in server["volumeMounts"]]
    for name, value in settings.items():
        expect(name in program.variables, f"the program has no variable {name}")
        path = value.removeprefix("unix:")
        if path.startswith("/"):
            expect(
                any(path.startswith(folder + "/") for folder in folders), f"{name}: {path}")
    labels = template["metadata"]["labels"]
    selectors = [deployment["spec"]["selector"]["matchLabels"]] + [
        spread["labelSelector"]["matchLabels"] for spread in pod["topologySpreadConstraints"]]
    expect(all(selector.items() <= labels.items() for selector in selectors), "a selector differs")


def check_others(resources: list) -> None:
    pod = one(resources, "Deployment")["spec"]["template"]
    labels = pod["metadata"]["labels"].items()
    names = {
        port["name"] for key in ("containers", "initContainers")
        for container in pod["spec"].get(key, []) for port in container["ports"]}
    services = [found for found in resources if found["kind"] == "Service"]
    for service in services:
        expect(service["spec"]["selector"].items() <= labels, "a service selects other pods")
        expect(
            all(port["targetPort"] in names for port in service["spec"]["ports"]),
            f"{service['metadata']['name']}: a port leads nowhere")
    callers = one(services, "Service")["spec"]["ports"]
    expect(all(port["targetPort"] == "http" for port in callers), "callers reach another port")
    budget = one(resources, "PodDisruptionBudget")["spec"]
    scaler = one(resources, "HorizontalPodAutoscaler")["spec"]
    expect(budget["selector"]["matchLabels"].items() <= labels, "the budget is of other pods")
    expect(budget["maxUnavailable"] < scaler["minReplicas"] <= scaler["maxReplicas"], "replicas")
    expect(scaler["scaleTargetRef"]["name"] == "core-api", "the autoscaler scales something else")
    policy = one(resources, "NetworkPolicy")["spec"]
    expect(policy["podSelector"]["matchLabels"].items() <= labels, "the policy is of other pods")
    for rule in policy["ingress"]:
        for port in rule["ports"]:
            expect(port["port"] in names, f"the policy names no port {port['port']}")
            expect(("from" in rule) == (port["port"] == "metrics"), "anyone reaches the metrics")
    monitor = one(resources, "ServiceMonitor")
    expect(monitor["apiVersion"] == "monitoring.coreos.com/v1", "ServiceMonitor's version")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    watched = [found for found in services if wanted <= found["metadata"]["labels"].items()]
    expect(len(watched) == 1, f"the ServiceMonitor selects {len(watched)} services")
    for endpoint in monitor["spec"]["endpoints"]:
        expect(
            endpoint["port"] in {port["name"] for port in watched[0]["spec"]["ports"]},
            "the ServiceMonitor's port")
    # The alerts are about this job.
    label = monitor["spec"]["jobLabel"]
    expect(watched[0]["metadata"]["labels"][label] == "core-api", "the job is not core-api")


def rule() -> dict:
    (alerts,) = documents(ROOT / "docs/prometheus/alerts.yml")
    return {
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
        "metadata": {"name": "core-api", "labels": {"app.kubernetes.io/name": "core-api"}},
        "spec": {"groups": alerts["groups"]}}


def write_rule() -> None:
    text = yaml.safe_dump(rule(), sort_keys=False, width=120)
    RULE_FILE.write_text(
        "# Written by scripts/check-kubernetes.py --write from docs/prometheus/alerts.yml.\n" + text)


def check_rule(resources: list) -> None:
    found = copy.deepcopy(one(resources, "PrometheusRule"))
    found["metadata"].pop("namespace", None)
    expect(found == rule(), "prometheus-rule.yaml is not alerts.yml: run this script with --write")
    for group in found["spec"]["groups"]:
        for alert in group["rules"]:
            expect({"alert", "expr"} <= set(alert), f"a rule of {group['name']} is no alert")


def main() -> int:
    if sys.argv[1:] == ["--write"]:
        write_rule()
    program = Program()
    versions = [
        version for version in kubernetes_validate.utils.all_versions()
        if tuple(int(part) for part in version.split(".")[:2]) >= OLDEST]
    versions = sorted({version.rsplit(".", 1)[0] for version in versions}, key=lambda text: [
        int(part) for part in text.split(".")])
    folders = sorted(path.parent for path in FOLDER.glob("*/kustomization.yaml"))
    try:
        expect(len(versions) >= 3 and len(folders) >= 2, "there is nothing to check")
        for folder in folders:
            try:
                resources = rendered(folder)
                validate(resources, versions)
                settings = one(resources, "ConfigMap")["data"]
                check_pod(one(resources, "Deployment"), settings, program)
                check_others(resources)
                check_rule(resources)
            except Wrong as wrong:
                raise Wrong(f"{folder.name}: {wrong}") from wrong
    except Wrong as wrong:
        print(f"kubernetes: {wrong}", file=sys.stderr)
        return 1
    print(
        f"kubernetes: {', '.join(folder.name for folder in folders)} are valid for "
        f"{versions[0]} to {versions[-1]}, and in step with the program")
    return 0


if __name__ == "__main__":
    sys.exit(main())
