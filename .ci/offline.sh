# Sourced by `run` and `colab`: `offline COMMAND...` runs a command with the network off. $PYTHON is an interpreter.
# "Network off" is a network namespace without a route out, loopback up (Jupyter's kernels talk over it).
loopback_up='if command -v ip >/dev/null; then ip link set lo up; else "$PYTHON" - <<"PY"
import fcntl, socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    name = b"lo".ljust(16, b"\0")
    flags = struct.unpack_from("H", fcntl.ioctl(s, 0x8913, name + bytes(24)), 16)[0]  # SIOCGIFFLAGS
    fcntl.ioctl(s, 0x8914, name + struct.pack("H", flags | 1) + bytes(22))  # SIOCSIFFLAGS, IFF_UP
PY
fi'
# No route out, and a kernel could be talked to: 192.0.2.0/24 is set aside for documentation.
no_way_out='import socket
with socket.create_server(("127.0.0.1", 0)) as server: socket.create_connection(server.getsockname()).close()
try: socket.create_connection(("192.0.2.1", 80), timeout=3)
except OSError as error: raise SystemExit("timed out" in str(error))
raise SystemExit(1)'
without_network=()
network="on: it cannot be switched off on this machine"
for way in "unshare -n" "unshare -rn"; do
    # shellcheck disable=SC2086
    if $way bash -c "$loopback_up; \"\$PYTHON\" -c '$no_way_out'" >/dev/null 2>&1; then
        without_network=($way bash -c "$loopback_up; exec \"\$@\"" offline)
        network="off ($way, loopback up)"
        break
    fi
done
offline() { ${without_network[@]+"${without_network[@]}"} "$@"; }
