#!/usr/bin/env python3
"""Checks the manifests and the compose files without a cluster: `make check-manifests`, or

    python3 k8s/check.py --programs target/debug

1. Every overlay is rendered by kustomize and valid, strictly, for every Kubernetes from 1.29 that the package
   kubernetes-validate knows.
2. The arguments of every container that runs a program of ours, here and in docker-compose*.yml, with the variables
   put in, are read by that program itself: `--help` at their end makes it report what is wrong with the others.
3. What no schema sees: uids are unique, volumes, ConfigMaps and Secrets are there, probes and ports fit, selectors match.

Needs python3 with venv. kubernetes-validate comes from PyPI into a venv in the cache folder, kustomize from PATH or else
from Debian's package, unpacked into the same folder.
"""

import argparse
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "vivace" / "check-manifests"
VALIDATE = "kubernetes-validate==1.37.0"
OLDEST = (1, 29)
OURS = {"vtgate", "vttablet", "vtctld", "vtorc", "mysqlctld", "vtctldclient"}
SUITE = "trixie"


def in_venv():
    """Starts this script anew in a venv that has what it imports."""
    venv = CACHE / "venv"
    python = venv / "bin" / "python"
    if pathlib.Path(sys.prefix) == venv:
        return
    done = venv / VALIDATE
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", VALIDATE, "pyyaml"], check=True)
        done.touch()
    os.execv(python, [str(python), *sys.argv])


def debian():
    """The Debian mirror that this machine installs from."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    mirrors = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    found = next((m.rstrip("/") for m in mirrors if m.rstrip("/").endswith("/debian")), None)
    return found or sys.exit("kustomize is not installed, and apt names no mirror of Debian to take it from")


def kustomize():
    """The path of kustomize; unpacked from Debian's package where it is not installed."""
    found = shutil.which("kustomize")
    if found:
        return found
    path = CACHE / "kustomize" / "usr" / "bin" / "kustomize"
    if not path.exists():
        arch = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
        mirror = debian()
        index = f"{mirror}/dists/{SUITE}/main/binary-{arch}/Packages.xz"
        packages = lzma.decompress(urllib.request.urlopen(index).read()).decode()
        entry = next(e for e in packages.split("\n\n") if e.startswith("Package: kustomize\n"))
        file = re.search(r"^Filename: (.*)$", entry, re.M).group(1)
        with tempfile.NamedTemporaryFile(suffix=".deb") as deb:
            deb.write(urllib.request.urlopen(f"{mirror}/{file}").read())
            deb.flush()
            subprocess.run(["dpkg-deb", "-x", deb.name, str(CACHE / "kustomize")], check=True)
    return str(path)


def render(root):
    """Every overlay's objects, by its name. What an operator has to write himself is put in for it."""
    import yaml

    objects = {}
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "k8s"
        shutil.copytree(root / "k8s", copy)
        shutil.copy(copy / "overlays/dev/users.json", copy / "overlays/production/users.json")
        for overlay in sorted((copy / "overlays").iterdir()):
            done = subprocess.run([kustomize(), "build", str(overlay)], capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{overlay.name}: kustomize: {done.stderr}")
            objects[overlay.name] = list(yaml.safe_load_all(done.stdout))
    return objects


def title(thing):
    return f"{thing['kind']}/{thing['metadata']['name']}"


class Faults:
    """What is wrong, and how much was looked at."""

    def __init__(self):
        self.faults, self.counts = [], {}

    def count(self, what, n=1):
        self.counts[what] = self.counts.get(what, 0) + n

    def add(self, where, what):
        self.faults.append(f"{where}: {what}")


def check_schemas(overlays, faults, only_oldest=False):
    import kubernetes_validate

    versions = [v for v in kubernetes_validate.utils.all_versions() if tuple(map(int, v.split(".")))[:2] >= OLDEST]
    versions = versions[:1] if only_oldest else versions
    for overlay, things in overlays.items():
        for thing in things:
            for version in versions:
                try:
                    kubernetes_validate.validate(thing, version, strict=True)
                    faults.count(f"objects valid ({versions[0]} to {versions[-1]})")
                except Exception as e:  # each of the package's errors has its own base
                    text = getattr(e, "message", str(e))
                    faults.add(f"{overlay} {title(thing)}", f"not valid for {version}: {text.splitlines()[0]}")
                    # The others would say the same.
                    break


def pod_of(thing):
    return thing["spec"]["template"]["spec"] if thing["kind"] in ("StatefulSet", "Deployment", "DaemonSet", "Job") else None


def containers_of(pod):
    return pod.get("initContainers", []) + pod["containers"]


def environment(where, container, things, ordinal, faults):
    """The container's variables, as the kubelet would put them in for the pod with this ordinal."""
    values = {}
    for source in container.get("envFrom", []):
        name = source["configMapRef"]["name"]
        found = next((t for t in things if t["kind"] == "ConfigMap" and t["metadata"]["name"] == name), None)
        if found is None:
            faults.add(where, f"there is no ConfigMap {name}")
        else:
            values.update(found["data"])
    for variable in container.get("env", []):
        path = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", "")
        pod_name = f"{where.split('/')[-1]}-{ordinal}"
        field = {"metadata.name": pod_name, "metadata.labels['apps.kubernetes.io/pod-index']": str(ordinal)}
        values[variable["name"]] = variable["value"] if "value" in variable else field[path]
    return values


def expand(where, text, values, faults):
    def one(match):
        if match.group(1) not in values:
            faults.add(where, f"{match.group(0)} in {text!r} is no variable of the container")
        return values.get(match.group(1), "")

    return re.sub(r"\$\((\w+)\)", one, text)


def parse(where, program, arguments, programs, faults):
    """Has the program itself read the arguments."""
    path = programs / program
    if not path.exists():
        faults.add(where, f"{path} is not built")
        return
    done = subprocess.run([str(path), *arguments, "--help"], capture_output=True, text=True, timeout=60)
    faults.count("command lines read by their programs")
    if done.returncode:
        faults.add(where, done.stderr.split("\n\nFor more")[0])


def check_arguments(overlays, programs, faults):
    for overlay, things in overlays.items():
        uids = {}
        for thing in things:
            pod = pod_of(thing)
            if pod is None:
                continue
            for ordinal in range(thing["spec"].get("replicas", 1)):
                for container in containers_of(pod):
                    where = f"{overlay} {container['name']} of {title(thing)}"
                    values = environment(f"{overlay} {title(thing)}", container, things, ordinal, faults)
                    arguments = [expand(where, a, values, faults) for a in container.get("args", [])]
                    program = pathlib.Path(container["command"][0]).name
                    if program in OURS:
                        parse(where, program, arguments, programs, faults)
                    check_hook(where, container, values, programs, faults)
                    for alias in (a.split("=", 1)[1] for a in arguments if a.startswith("--tablet-path=")):
                        uid = alias.rsplit("-", 1)[1]
                        if uid in uids:
                            faults.add(where, f"uid {uid} is also {uids[uid]}'s")
                        uids[uid] = f"{title(thing)} {ordinal}"
                        faults.count("tablets with uids of their own")


def check_hook(where, container, values, programs, faults):
    command = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
    if command[:2] == ["sh", "-c"]:
        words = re.sub(r"\$(\w+)", lambda m: values.get(m.group(1), m.group(0)), command[2]).replace('"', "").split()
        if "$" in command[2] and any("$" in w for w in words):
            faults.add(where, f"preStop: a variable is not there: {' '.join(words)}")
        parse(f"{where} preStop", words[1], words[2:], programs, faults)


def matches(selector, labels):
    return all(labels.get(k) == v for k, v in selector.items())


def check_references(overlays, faults):
    """What is named has to be there."""
    for overlay, things in overlays.items():
        names = {kind: {t["metadata"]["name"] for t in things if t["kind"] == kind} for kind in ("ConfigMap", "Secret", "PriorityClass", "Service")}
        # Made by the operator or by cert-manager, docs/kubernetes.md says how.
        names["Secret"].add("vtgate-tls")
        pods = [(t, pod_of(t), t["spec"]["template"]["metadata"]["labels"]) for t in things if pod_of(t)]
        for thing, pod, labels in pods:
            where = f"{overlay} {title(thing)}"
            claims = {c["metadata"]["name"] for c in thing["spec"].get("volumeClaimTemplates", [])}
            volumes = {v["name"] for v in pod.get("volumes", [])} | claims
            for volume in pod.get("volumes", []):
                for kind, key, field in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
                    if key in volume and volume[key][field] not in names[kind]:
                        faults.add(where, f"there is no {kind} {volume[key][field]}")
            if pod.get("priorityClassName", next(iter(names["PriorityClass"]))) not in names["PriorityClass"]:
                faults.add(where, "its priority class is not there")
            if "serviceName" in thing["spec"] and thing["spec"]["serviceName"] not in names["Service"]:
                faults.add(where, f"there is no Service {thing['spec']['serviceName']}")
            if "selector" in thing["spec"] and not matches(thing["spec"]["selector"]["matchLabels"], labels):
                faults.add(where, "its selector does not match its pods")
            for container in containers_of(pod):
                for mount in container.get("volumeMounts", []):
                    if mount["name"] not in volumes:
                        faults.add(where, f"{container['name']} mounts {mount['name']}, which is no volume")
                ports = {p["name"]: p["containerPort"] for p in container.get("ports", [])}
                for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                    port = container.get(probe, {}).get("httpGet", {}).get("port")
                    if port is not None and port not in ports:
                        faults.add(where, f"{probe} of {container['name']}: {port} is no port of it")
                for argument in container.get("args", []):
                    match = re.fullmatch(r"--(?:port|grpc-port|mysql-server-port|mysql-port)=(\d+)", argument)
                    if match and int(match.group(1)) not in ports.values():
                        faults.add(where, f"{argument} of {container['name']} is not among its ports")
            faults.count("workloads whose references are there")
        for thing in things:
            if thing["kind"] == "Service" or thing["kind"] == "PodDisruptionBudget":
                selector = thing["spec"]["selector"]
                selector = selector.get("matchLabels", selector)
                if not any(matches(selector, labels) for _, _, labels in pods):
                    faults.add(f"{overlay} {title(thing)}", "selects nothing")
            if thing["kind"] == "HorizontalPodAutoscaler":
                target = thing["spec"]["scaleTargetRef"]
                if not any(title(t) == f"{target['kind']}/{target['name']}" for t, _, _ in pods):
                    faults.add(f"{overlay} {title(thing)}", f"there is no {target['name']}")
        check_budgets(overlay, things, pods, faults)


def check_budgets(overlay, things, pods, faults):
    """Two budgets for a pod, and nothing can take it away; a shard's tablets without one can all be taken."""
    budgets = [t for t in things if t["kind"] == "PodDisruptionBudget"]
    for thing, _, labels in pods:
        mine = [title(b) for b in budgets if matches(b["spec"]["selector"]["matchLabels"], labels)]
        if len(mine) > 1 or (thing["kind"] == "StatefulSet" and not mine):
            faults.add(f"{overlay} {title(thing)}", f"has {len(mine)} PodDisruptionBudgets: {mine}")


def check_compose(root, programs, faults):
    import yaml

    base = yaml.safe_load((root / "docker-compose.yml").read_text())
    for file in sorted(root.glob("docker-compose*.yml")):
        read = yaml.safe_load(file.read_text())
        for name, service in read["services"].items():
            merged = {**base["services"].get(name, {}), **service}
            line = list(merged.get("entrypoint", [])) + list(merged.get("command", []))
            program = pathlib.Path(line[0]).name if line else ""
            if program in OURS:
                parse(f"{file.name} {name}", program, line[1:], programs, faults)
    uids = [re.search(r"zone1-(\d+)", " ".join(s["command"])).group(1) for n, s in base["services"].items() if n.startswith("vttablet-")]
    if len(set(uids)) != len(uids):
        faults.add("docker-compose.yml", "a uid is used twice")


def check(root, programs, only_oldest=False):
    """Everything, of the checkout at `root`."""
    faults = Faults()
    overlays = render(root)
    check_schemas(overlays, faults, only_oldest)
    check_arguments(overlays, programs, faults)
    check_references(overlays, faults)
    check_compose(root, programs, faults)
    return faults


# File, what stands there, what is put in its place, and a part of what has to be said about it.
PLANTED = [
    ("docker-compose.yml", "- --enable-replication-reporter\n", "- --enable-replication-reporte\n", "'--enable-replication-reporte' found"),
    ("docker-compose.yml", "--tablet-path=zone1-101", "--tablet-path=zone1-100", "docker-compose.yml: a uid is used twice"),
    ("docker-compose.tls.yml", "--mysql-server-ssl-key=", "--mysql-server-ssl-kee=", "'--mysql-server-ssl-kee' found"),
    ("k8s/overlays/dev/customer-x-80/kustomization.yaml", "UID_BASE=20", "UID_BASE=10", "uid 100 is also"),
    ("k8s/overlays/dev/pdb.yaml", 'vivace.io/shard: "80-x"', 'vivace.io/shard: "80"', "has 0 PodDisruptionBudgets"),
    ("k8s/base/shard/tablet.yaml", "--init-shard=", "--init-sharp=", "'--init-sharp' found"),
    ("k8s/base/shard/tablet.yaml", "PlannedReparentShard\n", "PlannedReparentShar\n", 'no command "PlannedReparentShar"'),
    ("k8s/base/shard/tablet.yaml", "$(POD_NAME).$(SERVICE)", "$(POD_NAME).$(SERVIC)", "$(SERVIC) in"),
    ("k8s/base/kustomization.yaml", "name: topo-script", "name: topo-scrip", "there is no ConfigMap topo-script"),
    ("k8s/base/cell/vtctld.yaml", "path: /healthz, port: http", "path: /healthz, port: htp", "htp is no port of it"),
    ("k8s/base/cell/vtorc.yaml", "--port=16000", "--port=sixteen", "'sixteen' for '--port"),
    ("k8s/base/cell/vtgate.yaml", "maxUnavailable: 0", "maxUnavailble: 0", "('maxUnavailble' was unexpected)"),
]


def self_test(programs):
    """Plants every fault of PLANTED in one copy; the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        shutil.copytree(ROOT / "k8s", copy / "k8s")
        for file in ROOT.glob("docker-compose*.yml"):
            shutil.copy(file, copy)
        for name, old, new, _ in PLANTED:
            text = (copy / name).read_text()
            if old not in text:
                sys.exit(f"{name} has no {old!r} any more: plant another fault")
            (copy / name).write_text(text.replace(old, new, 1))
        found = "\n".join(check(copy, programs, only_oldest=True).faults)
    missed = [(name, new) for name, _, new, said in PLANTED if said not in found]
    for name, new in missed:
        print(f"not found: {new!r} in {name}", file=sys.stderr)
    print(f"{len(PLANTED) - len(missed)} of {len(PLANTED)} planted faults found")
    return 1 if missed else 0


def main():
    parser = argparse.ArgumentParser(description="Checks the manifests and the compose files")
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "target/debug", help="folder of the built programs")
    parser.add_argument("--self-test", action="store_true", help="plant faults in a copy and see that each is found")
    options = parser.parse_args()
    in_venv()
    programs = options.programs.resolve()
    if options.self_test:
        sys.exit(self_test(programs))
    faults = check(ROOT, programs)
    for what, n in faults.counts.items():
        print(f"{n:6} {what}")
    for fault in faults.faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults.faults else 0)


if __name__ == "__main__":
    main()
