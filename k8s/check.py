#!/usr/bin/env python3
"""Checks the manifests and the compose files without a cluster: `make check-manifests`, or

    python3 k8s/check.py --programs target/debug

1. Every overlay is rendered by kustomize and valid, strictly, for every Kubernetes from 1.29 that the package
   kubernetes-validate knows; so is every overlay with each component, and with all of them, for the oldest and the newest.
2. The arguments of every container that runs a program of ours, here and in docker-compose*.yml, with the variables
   put in, are read by that program itself: `--help` at their end makes it report what is wrong with the others.
3. What no schema sees: uids are unique, volumes, ConfigMaps and Secrets are there, probes and ports fit, selectors match, the
   files that flags name are mounted, and TLS and passwords are used by all who have to, or by nobody.

Needs python3 with venv. kubernetes-validate comes from PyPI into a venv in the cache folder, kustomize from PATH or else
from Debian's package, unpacked into the same folder.
"""

import argparse
import json
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
# Secrets that the operator or cert-manager makes, docs/kubernetes.md says how, and what has to be in them.
PAIR = {"tls.crt", "tls.key"}
SECRETS = {
    "vtgate-tls": PAIR,
    "vtgate-grpc-tls": PAIR | {"ca.crt"},
    "vtctld-grpc-tls": PAIR | {"ca.crt"},
    "vtorc-grpc-tls": PAIR | {"ca.crt"},
    "vttablet-grpc-tls": PAIR | {"ca.crt"},
    "mysqld-tls": PAIR | {"ca.crt"},
    "etcd-tls": PAIR | {"ca.crt"},
    "etcd-client-tls": PAIR | {"ca.crt"},
    "db-credentials": {"credentials.json", "init.sql"},
    "vtctld-http-tls": PAIR,
    "vtctld-web-users": {"users"},
}
# What has to be given by whom as soon as one of them has a certificate. The hook before a tablet's end is a vtctldclient.
GRPC_TLS = {
    "vtgate": ["grpc-ca", "grpc-cert", "grpc-key", *(f"tablet-grpc-{w}" for w in ("ca", "cert", "key", "server-name"))],
    "vttablet": ["grpc-ca", "grpc-cert", "grpc-key", *(f"tablet-manager-grpc-{w}" for w in ("ca", "cert", "key", "server-name"))],
    "vtctld": [
        *("grpc-ca", "grpc-cert", "grpc-key", "vtgate-grpc-ca", "vtgate-grpc-cert", "vtgate-grpc-key"),
        *(f"{p}-grpc-{w}" for p in ("tablet", "tablet-manager") for w in ("ca", "cert", "key", "server-name")),
    ],
    "vtorc": [f"tablet-manager-grpc-{w}" for w in ("ca", "cert", "key", "server-name")],
    "vtctldclient": ["vtctld-grpc-ca", "vtctld-grpc-cert", "vtctld-grpc-key"],
}
# What an etcd has to have as soon as it has any of them: for clients and for its other members.
ETCD_TLS = [
    *("trusted-ca-file", "cert-file", "key-file", "client-cert-auth"),
    *("peer-trusted-ca-file", "peer-cert-file", "peer-key-file", "peer-client-cert-auth", "peer-cert-allowed-cn"),
]
TOPO_TLS = ["topo-etcd-tls-ca", "topo-etcd-tls-cert", "topo-etcd-tls-key"]


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


def render(root, faults):
    """Every overlay's objects, by its name. What an operator has to write himself is put in for it."""
    import yaml

    objects = {}
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "k8s"
        shutil.copytree(root / "k8s", copy)
        shutil.copy(copy / "overlays/dev/users.json", copy / "overlays/production/users.json")
        combine(copy)
        for overlay in sorted((copy / "overlays").iterdir()):
            done = subprocess.run([kustomize(), "build", str(overlay)], capture_output=True, text=True)
            if done.returncode:
                faults.add(overlay.name, f"kustomize: {done.stderr.strip()}")
                continue
            objects[overlay.name] = list(yaml.safe_load_all(done.stdout))
    return objects


def combine(copy):
    """An overlay for every overlay with each component that it does not have yet, and one with all of them."""
    import yaml

    components = sorted(c.name for c in (copy / "components").iterdir())
    for overlay in sorted((copy / "overlays").iterdir()):
        read = yaml.safe_load((overlay / "kustomization.yaml").read_text())
        had = {pathlib.Path(c).name for c in read.get("components", [])}
        more = [c for c in components if c not in had]
        for name, chosen in [*((c, [c]) for c in more), ("all", more)]:
            folder = overlay.with_name(f"{overlay.name}+{name}")
            folder.mkdir()
            text = {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                # What a component generates has to be where the pods are.
                "namespace": "vivace",
                "resources": [f"../{overlay.name}"],
                "components": [f"../../components/{c}" for c in chosen],
            }
            (folder / "kustomization.yaml").write_text(yaml.safe_dump(text))


def title(thing):
    return f"{thing['kind']}/{thing['metadata']['name']}"


class Faults:
    """What is wrong, and how much was looked at."""

    def __init__(self):
        self.faults, self.counts = [], {}
        # What was looked at already, by its text: overlays have much in common.
        self.known = {}

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
            text = json.dumps(thing, sort_keys=True)
            if text in faults.known:
                continue
            faults.known[text] = True
            for version in [versions[0], versions[-1]] if "+" in overlay else versions:
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
    line = (program, *arguments)
    if line in faults.known:
        if faults.known[line]:
            faults.add(where, faults.known[line])
        return
    faults.known[line] = ""
    if not path.exists():
        faults.add(where, f"{path} is not built")
        return
    done = subprocess.run([str(path), *arguments, "--help"], capture_output=True, text=True, timeout=60)
    faults.count("command lines read by their programs")
    if done.returncode:
        faults.known[line] = done.stderr.split("\n\nFor more")[0]
        faults.add(where, faults.known[line])


def check_arguments(overlays, programs, faults):
    for overlay, things in overlays.items():
        uids, lines = {}, []
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
                    if program == "etcd":
                        check_member(where, arguments, thing["spec"].get("replicas", 1), faults)
                    if program in OURS:
                        parse(where, program, arguments, programs, faults)
                        lines.append((where, program, arguments))
                    if values.get("VTCTLDCLIENT_FLAGS") and thing["kind"] == "Job":
                        # topo.sh calls it.
                        arguments = ["--server=internal", "--topo-global-server-address=etcd:2379", *values["VTCTLDCLIENT_FLAGS"].split()]
                        parse(where, "vtctldclient", [*arguments, "GetKeyspaces"], programs, faults)
                    hook = check_hook(where, container, values, programs, faults)
                    lines += [hook] if hook else []
                    own = arguments + (hook[2] if hook else [])
                    check_files(where, thing, pod, container, things, own, values, faults)
                    for alias in (a.split("=", 1)[1] for a in arguments if a.startswith("--tablet-path=")):
                        uid = alias.rsplit("-", 1)[1]
                        if uid in uids:
                            faults.add(where, f"uid {uid} is also {uids[uid]}'s")
                        uids[uid] = f"{title(thing)} {ordinal}"
                        faults.count("tablets with uids of their own")
        check_together(lines, faults)


def check_hook(where, container, values, programs, faults):
    command = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
    if command[:2] == ["sh", "-c"]:
        text = re.sub(r"\$\{(\w+)-\}", lambda m: values.get(m.group(1), ""), command[2])
        words = re.sub(r"\$(\w+)", lambda m: values.get(m.group(1), m.group(0)), text).replace('"', "").split()
        if "$" in command[2] and any("$" in w for w in words):
            faults.add(where, f"preStop: a variable is not there: {' '.join(words)}")
        parse(f"{where} preStop", words[1], words[2:], programs, faults)
        return (f"{where} preStop", words[1], words[2:])
    return None


def check_member(where, arguments, members, faults):
    """An etcd's addresses are all by TLS or all without, and the list of members has it, as it calls itself, and all others."""
    values = dict(a.removeprefix("--").split("=", 1) for a in arguments if "=" in a)
    given = flags_of(arguments) & set(ETCD_TLS)
    missing = [f"--{flag}" for flag in ETCD_TLS if given and flag not in given]
    if missing:
        faults.add(where, f"TLS of etcd: here is no {', '.join(missing)}")
    scheme = "https://" if given else "http://"
    for name in ("listen-client-urls", "advertise-client-urls", "listen-peer-urls", "initial-advertise-peer-urls"):
        if not values[name].startswith(scheme):
            faults.add(where, f"--{name} is not {scheme}")
    cluster = dict(member.split("=", 1) for member in values["initial-cluster"].split(","))
    if cluster.get(values["name"]) != values["initial-advertise-peer-urls"] or len(cluster) != members:
        faults.add(where, f"--initial-cluster has {len(cluster)} members, {members} are wanted, and it as {cluster.get(values['name'])}")
    if not all(url.startswith(scheme) for url in cluster.values()):
        faults.add(where, f"--initial-cluster is not all {scheme}")
    faults.count("members of etcds whose addresses fit")


def flags_of(arguments):
    """The names of the flags that are given, without their dashes."""
    return {a.split("=", 1)[0].removeprefix("--") for a in arguments if a.startswith("--")}


def check_together(lines, faults):
    """What all have to use, or nobody: `lines` are where, program and arguments of all that runs together."""
    given = [(where, program, flags_of(arguments)) for where, program, arguments in lines]
    demands = []
    if any("grpc-cert" in flags for _, _, flags in given):
        demands += [("gRPC by TLS", w, GRPC_TLS.get(p, []), flags) for w, p, flags in given]
    if any("topo-etcd-tls-ca" in flags for _, _, flags in given):
        demands += [("etcd by TLS", w, TOPO_TLS, flags) for w, p, flags in given if "topo-global-server-address" in flags]
    passwords = {"vttablet": ["db-credentials-file"], "mysqlctld": ["init-db-sql-file", "db-credentials-file"]}
    if any(flags & {"db-credentials-file", "init-db-sql-file"} for _, _, flags in given):
        demands += [("passwords", w, passwords.get(p, []), flags) for w, p, flags in given]
    for what, where, wanted, flags in demands:
        missing = [f"--{flag}" for flag in wanted if flag not in flags]
        if missing:
            faults.add(where, f"{what}: others have it, here is no {', '.join(missing)}")
        faults.count("programs that use TLS or passwords as the others do")


def keys_of(volume, things):
    """The files of a ConfigMap's or Secret's volume; None where they are not known."""
    source = volume.get("secret") or volume.get("configMap")
    if not source:
        return None
    if "items" in source:
        return {i["path"] for i in source["items"]}
    name = source.get("secretName") or source.get("name")
    kind = "Secret" if "secret" in volume else "ConfigMap"
    found = next((t for t in things if t["kind"] == kind and t["metadata"]["name"] == name), None)
    return set(found["data"]) if found else SECRETS.get(name, set())


def check_files(where, thing, pod, container, things, arguments, values, faults):
    """Files that are named are below a volume that is mounted, and in it where that is known; a program that another container
    has to bring is brought before."""
    mounts = {m["mountPath"]: m["name"] for m in container.get("volumeMounts", [])}
    volumes = {v["name"]: v for v in pod.get("volumes", [])}
    files = [a.split("=", 1)[1] for a in arguments if re.match(r"--[\w-]+=/", a)]
    files += [f for f in values.get("EXTRA_MY_CNF", "").split(":") if f and container["name"] == "mysqld"]
    for file in files:
        folder, _, name = file.rpartition("/")
        if folder not in mounts:
            faults.add(where, f"{file}: nothing is mounted at {folder}")
            continue
        keys = keys_of(volumes.get(mounts[folder], {}), things)
        if keys is not None and name not in keys:
            faults.add(where, f"{file} is not in the volume {mounts[folder]}")
        faults.count("files that flags name and volumes have")
    folder = str(pathlib.Path(container["command"][0]).parent)
    if folder in mounts:
        inits = pod.get("initContainers", [])
        before = inits[: inits.index(container)] if container in inits else inits
        if not any(f"--target-directory={folder}" in c["command"] for c in before):
            faults.add(where, f"no container before it brings {container['command'][0]}")


def matches(selector, labels):
    return all(labels.get(k) == v for k, v in selector.items())


def check_references(overlays, faults):
    """What is named has to be there."""
    for overlay, things in overlays.items():
        names = {kind: {t["metadata"]["name"] for t in things if t["kind"] == kind} for kind in ("ConfigMap", "Secret", "PriorityClass", "Service")}
        names["Secret"] |= set(SECRETS)
        pods = [(t, pod_of(t), t["spec"]["template"]["metadata"]["labels"]) for t in things if pod_of(t)]
        for thing, pod, labels in pods:
            where = f"{overlay} {title(thing)}"
            claims = {c["metadata"]["name"] for c in thing["spec"].get("volumeClaimTemplates", [])}
            volumes = {v["name"] for v in pod.get("volumes", [])} | claims
            for volume in pod.get("volumes", []):
                for kind, key, field in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
                    if key in volume and volume[key][field] not in names[kind]:
                        faults.add(where, f"there is no {kind} {volume[key][field]}")
                    asked = {i["key"] for i in volume.get(key, {}).get("items", [])}
                    lacking = asked - SECRETS.get(volume[key][field], asked) if key in volume else set()
                    if lacking:
                        faults.add(where, f"{volume[key][field]} has no {', '.join(sorted(lacking))}")
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
                scheme = "HTTPS" if "http-cert" in flags_of(container.get("args", [])) else "HTTP"
                for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                    asked = container.get(probe, {}).get("httpGet")
                    if asked is None:
                        continue
                    if asked["port"] not in ports:
                        faults.add(where, f"{probe} of {container['name']}: {asked['port']} is no port of it")
                    if asked.get("scheme", "HTTP") != scheme:
                        faults.add(where, f"{probe} of {container['name']} does not ask by {scheme}")
                    faults.count("probes that ask by HTTP or HTTPS as their program answers")
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


def merged(base, service):
    """A service with what a second file says of it, as compose does it."""
    out = {**base, **service}
    for key in ("secrets", "volumes", "ports"):
        out[key] = list(dict.fromkeys([*base.get(key, []), *service.get(key, [])]))
    out["environment"] = {**base.get("environment", {}), **service.get("environment", {})}
    return out


def check_compose(root, programs, faults):
    import yaml

    base = yaml.safe_load((root / "docker-compose.yml").read_text())
    for file in sorted(root.glob("docker-compose*.yml")):
        read = yaml.safe_load(file.read_text())
        secrets = set(base["secrets"]) | set(read.get("secrets", {}))
        lines = []
        for name in {**base["services"], **read["services"]}:
            service = merged(base["services"].get(name, {}), read["services"].get(name) or {})
            check_compose_secrets(f"{file.name} {name}", service, secrets, faults)
            line = list(service.get("entrypoint", [])) + list(service.get("command", []))
            program = pathlib.Path(line[0]).name if line else ""
            flags = str(service["environment"].get("VTCTLDCLIENT_FLAGS", "")).split()
            # docker/topo and docker/schema.
            if name in ("topo", "schema"):
                program = "vtctldclient"
                server = "--server=internal --topo-global-server-address=etcd:2379" if name == "topo" else "--server=vtctld:15999"
                line = [program, *server.split(), *flags, "GetKeyspaces"]
            elif flags:
                parse(f"{file.name} {name} VTCTLDCLIENT_FLAGS", "vtctldclient", [*flags, "GetKeyspaces"], programs, faults)
            if program in OURS:
                parse(f"{file.name} {name}", program, line[1:], programs, faults)
                # What says --server=internal calls nobody but etcd.
                lines.append((f"{file.name} {name}", "internal" if name == "topo" else program, line[1:]))
            first = [a.replace("http://", "https://") for a in base["services"].get(name, {}).get("entrypoint", [])]
            own = [a.replace("http://", "https://") for a in service.get("entrypoint", [])]
            if own[: len(first)] != first:
                faults.add(f"{file.name} {name}", "its entrypoint does not begin as that of docker-compose.yml")
        check_together(lines, faults)
    uids = [re.search(r"zone1-(\d+)", " ".join(s["command"])).group(1) for n, s in base["services"].items() if n.startswith("vttablet-")]
    if len(set(uids)) != len(uids):
        faults.add("docker-compose.yml", "a uid is used twice")


def check_compose_secrets(where, service, secrets, faults):
    """Secrets that the service's commands name are among its own, and those are in the file."""
    words = [*service.get("entrypoint", []), *service.get("command", []), *service.get("healthcheck", {}).get("test", [])]
    words += str(service["environment"].get("VTCTLDCLIENT_FLAGS", "")).split()
    for name in (m.group(1) for m in map(re.compile(r".*=/run/secrets/(\w+)$").match, words) if m):
        if name not in service["secrets"]:
            faults.add(where, f"names the secret {name}, which it does not get")
    for name in service["secrets"]:
        if name not in secrets:
            faults.add(where, f"there is no secret {name}")


def check(root, programs, only_oldest=False):
    """Everything, of the checkout at `root`."""
    faults = Faults()
    overlays = render(root, faults)
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
    ("k8s/components/grpc-tls/kustomization.yaml", "value: --grpc-cert=", "value: --grpc-certt=", "'--grpc-certt' found"),
    ("k8s/components/grpc-tls/kustomization.yaml", "name: vtorc.* }\n    patch: |-\n      - {", "name: vtork.* }\n    patch: |-\n      - {", "gRPC by TLS: others have it, here is no --tablet-manager-grpc-ca"),
    ("k8s/components/grpc-tls/kustomization.yaml", "name: VTCTLDCLIENT_FLAGS", "name: VTCTLDCLIENT_FLAG", "here is no --vtctld-grpc-ca"),
    ("k8s/components/grpc-tls/kustomization.yaml", "secretName: vtgate-grpc-tls", "secretName: vtgate-grpc", "there is no Secret vtgate-grpc"),
    ("k8s/components/etcd-tls/kustomization.yaml", "name: vtctld.*", "name: vtctlt.*", "etcd by TLS: others have it, here is no --topo-etcd-tls-ca"),
    ("k8s/components/etcd-tls/kustomization.yaml", "value: --cert-file=/secrets/etcd/", "value: --cert-file=/secrets/tls/", "nothing is mounted at /secrets/tls"),
    ("k8s/components/etcd-tls/kustomization.yaml", "--topo-etcd-tls-cert=/secrets/etcd/tls.crt\n", "--topo-etcd-tls-crt=/secrets/etcd/tls.crt\n", "'--topo-etcd-tls-crt' found"),
    ("k8s/components/etcd-tls/kustomization.yaml", "value: --peer-key-file=", "value: --peer-key=", "TLS of etcd: here is no --peer-key-file"),
    ("k8s/components/etcd-tls/kustomization.yaml", 'value: "--listen-peer-urls=https:', 'value: "--listen-peer-urls=http:', "--listen-peer-urls is not https://"),
    ("k8s/overlays/production/zone1/etcd/kustomization.yaml", "etcd-zone1-1=https://etcd-zone1-1", "etcd-zone1-1=https://etcd-zone1-2", "etcd-zone1: --initial-cluster has 3 members, 3 are wanted, and it as https://etcd-zone1-2"),
    ("k8s/overlays/production/zone2/etcd/kustomization.yaml", "etcd-zone2-1=https:", "etcd-zone2-1=http:", "--initial-cluster is not all https://"),
    ("k8s/components/replication-tls/kustomization.yaml", "--db-ssl-mode=verify_ca", "--db-ssl-mode=verify_caa", "'verify_caa' for '--db-ssl-mode"),
    ("k8s/components/replication-tls/kustomization.yaml", "files: [tls.cnf]", "files: [my.cnf=tls.cnf]", "/mysqld-tls/tls.cnf is not in the volume"),
    ("k8s/components/db-credentials/kustomization.yaml", "=/secrets/db-init/init.sql", "=/secrets/db-init/inti.sql", "inti.sql is not in the volume"),
    ("k8s/components/db-credentials/kustomization.yaml", "key: credentials.json", "key: credential.json", "db-credentials has no credential.json"),
    ("k8s/components/http-tls/kustomization.yaml", "livenessProbe: { httpGet: { scheme: HTTPS } }", "livenessProbe: { httpGet: { scheme: HTTP } }", "livenessProbe of vtctld does not ask by HTTPS"),
    ("k8s/components/web-users/kustomization.yaml", "mountPath: /secrets/web", "mountPath: /secrets/users", "nothing is mounted at /secrets/web"),
    ("k8s/components/vtgate-tls/kustomization.yaml", "/secrets/tls/tls.key", "/secrets/tls/tls.kex", "tls.kex is not in the volume"),
    ("k8s/components/vtgate-per-node/kustomization.yaml", "value: DaemonSet", "value: DeamonSet", "DeamonSet"),
    ("k8s/overlays/production/tablet.yaml", "        - name: files\n", "", "no container before it brings /shared/mysqlctld"),
    ("docker-compose.encrypted.yml", "    - --init-db-sql-file=/run/secrets/db_init\n", "", "passwords: others have it, here is no --init-db-sql-file"),
    ("docker-compose.encrypted.yml", "[tls_ca, vtorc_cert, vtorc_key]", "[tls_ca, vtorc_cert]", "names the secret vtorc_key, which it does not get"),
    ("docker-compose.encrypted.yml", "    - --tablet-refresh-interval=5s\n", "", "its entrypoint does not begin as that of"),
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
