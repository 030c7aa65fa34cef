#!/usr/bin/env python3
"""Starts the global etcd of overlay `production` with the component etcd-tls on this machine, three members, by the arguments that
kustomize renders, and looks who gets in: `make check-manifests`, or

    python3 k8s/etcd_members.py

It goes on in namespaces of its own (unshare), in which the members' names are addresses of the loopback: 127.0.1.1 and so on for
0.0.0.0, on which all three listen in their pods. Certificates come from docker/certificates as docs/kubernetes.md says. Only these
addresses, the data's folder and that of the Secret are other ones than in Kubernetes.

Needs etcd, openssl, unshare (as root, or where users may make namespaces) and ip, and what check.py needs.
"""

import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import check

OVERLAY = "production+etcd-tls"
STARTS = 60
INSIDE = "IN_NAMESPACES"


def enter():
    """Starts this script anew in namespaces of its own."""
    if INSIDE in os.environ:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    os.environ[INSIDE] = "yes"
    os.execvp("unshare", ["unshare", *user, "--mount", "--net", sys.executable, *sys.argv])


def members():
    """Of each member its name, its host and its arguments."""
    faults = check.Faults()
    things = check.render(check.ROOT, faults)[OVERLAY]
    thing = next(t for t in things if t["kind"] == "StatefulSet" and t["metadata"]["name"] == "etcd")
    container = check.pod_of(thing)["containers"][0]
    found = []
    for ordinal in range(thing["spec"]["replicas"]):
        values = check.environment(f"{OVERLAY} {check.title(thing)}", container, things, ordinal, faults)
        arguments = [check.expand(OVERLAY, a, values, faults) for a in container["args"]]
        found.append((values["POD_NAME"], f"{values['POD_NAME']}.{values['SERVICE']}", arguments))
    if faults.faults or len(found) != 3:
        sys.exit(f"{OVERLAY}: {len(found)} members: {faults.faults}")
    return found


def start(folder, found):
    """The members as processes, by name; their names lead to addresses of the loopback."""
    hosts = [f"127.0.1.{n} {host}" for n, (_, host, _) in enumerate(found, 1)]
    (folder / "hosts").write_text("\n".join(["127.0.0.1 localhost", *hosts, ""]))
    subprocess.run(["mount", "--bind", folder / "hosts", "/etc/hosts"], check=True)
    names = [host for _, host, _ in found]
    subprocess.run([check.ROOT / "docker" / "certificates", folder / "tls", *names], check=True, stdout=subprocess.DEVNULL)
    secret = folder / "secret"
    secret.mkdir()
    for file, source in (("ca.crt", "ca.crt"), ("tls.crt", "etcd.crt"), ("tls.key", "etcd.key")):
        shutil.copy(folder / "tls" / source, secret / file)
    processes = {}
    for n, (name, _, arguments) in enumerate(found, 1):
        own = [
            a.replace("//0.0.0.0:", f"//127.0.1.{n}:").replace("=/etcd/", f"={folder}/{name}/").replace("=/secrets/etcd/", f"={secret}/")
            for a in arguments
        ]
        log = open(folder / f"{name}.log", "w")
        processes[name] = subprocess.Popen(["etcd", *own], stdout=log, stderr=log)
    return processes


def context(folder, name):
    """TLS of a client with this certificate, or with none."""
    tls = ssl.create_default_context(cafile=folder / "tls" / "ca.crt")
    if name:
        tls.load_cert_chain(folder / "tls" / f"{name}.crt", folder / "tls" / f"{name}.key")
    return tls


def ask(host, port, path, tls):
    """The body of `GET path`; None when the connection is refused."""
    try:
        with socket.create_connection((host, port), timeout=5) as plain:
            stream = tls.wrap_socket(plain, server_hostname=host) if tls else plain
            stream.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            answer = b""
            while part := stream.recv(65536):
                answer += part
    except OSError:
        return None
    head, _, body = answer.decode().partition("\r\n\r\n")
    return body if " 200 " in head.split("\r\n")[0] else None


def healthy(folder, host):
    """Whether the member has a leader and a majority."""
    body = ask(host, 2379, "/health", context(folder, "etcd-client"))
    return body is not None and json.loads(body).get("health") == "true"


def check_doors(folder, hosts):
    """What is wrong with who gets in."""
    faults = []
    for host in hosts:
        # Who has to get in, and who must not: the certificate, None for none, False for no TLS at all.
        for port, path, welcome, refused in (
            (2379, "/version", ["etcd-client", "vttablet"], [None, False]),
            (2380, "/version", ["etcd"], ["etcd-client", "vttablet", None, False]),
        ):
            for name in welcome + refused:
                got = ask(host, port, path, context(folder, name) if name is not False else None)
                if (got is None) != (name in refused):
                    faults.append(f"{host}:{port} {'lets in' if got else 'refuses'} {name or ('nobody' if name is None else 'plain HTTP')}")
    return faults


def main():
    check.in_venv()
    enter()
    found = members()
    hosts = [host for _, host, _ in found]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        processes = start(folder, found)
        try:
            began = time.monotonic()
            while not all(healthy(folder, host) for host in hosts):
                ended = [name for name, p in processes.items() if p.poll() is not None]
                if ended or time.monotonic() - began > STARTS:
                    logs = "\n".join((folder / f"{name}.log").read_text()[-1500:] for name in ended or processes)
                    sys.exit(f"etcd: {'ended: ' + ' '.join(ended) if ended else f'not well within {STARTS} s'}\n{logs}")
                time.sleep(0.2)
            faults = check_doors(folder, hosts)
            # The other two are a majority, which takes both of their connections.
            processes[found[0][0]].kill()
            processes[found[0][0]].wait()
            while not all(healthy(folder, host) for host in hosts[1:]):
                if time.monotonic() - began > 2 * STARTS:
                    faults.append("two of three members are no majority")
                    break
                time.sleep(0.2)
        finally:
            for process in processes.values():
                process.kill()
                process.wait()
    print(f"{len(found):6} members of an etcd that talk by TLS")
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
