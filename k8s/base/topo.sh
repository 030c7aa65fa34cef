#!/bin/bash
# Cells and keyspaces, from CELLS ("zone1=etcd-zone1:2379 ..."), KEYSPACES ("commerce ...") and DURABILITY. What is there already
# stays as it is; an address that changed is told, and left to the operator. VTCTLDCLIENT_FLAGS: those of the component etcd-tls, several words.
set -euo pipefail
vtctl() { vtctldclient --server=internal --topo-global-server-address="${TOPO_GLOBAL:-etcd:2379}" ${VTCTLDCLIENT_FLAGS-} "$@"; }
cells=$(vtctl GetCellInfoNames)
for entry in $CELLS; do
    cell=${entry%%=*} address=${entry#*=}
    if ! grep -qx "$cell" <<<"$cells"; then
        vtctl AddCellInfo --root="/vitess/$cell" --server-address="$address" "$cell"
    elif ! vtctl GetCellInfo "$cell" | grep -q "\"$address\""; then
        echo "cell $cell is at another address than $address: see vtctldclient UpdateCellInfo"
        exit 1
    fi
done
keyspaces=$(vtctl GetKeyspaces)
for keyspace in $KEYSPACES; do
    grep -q "\"$keyspace\"" <<<"$keyspaces" ||
        vtctl CreateKeyspace --durability-policy="$DURABILITY" "$keyspace"
done
