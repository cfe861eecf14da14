# What the scripts here share; sourced by them.

# step NAME COMMAND…: says what begins, and how long it took.
step() {
    local name=$1 start=$SECONDS
    shift
    echo "==> $name"
    "$@"
    echo "<== $name: $((SECONDS - start)) s"
}

# Registries fail now and then: one more try.
retry() {
    "$@" || { echo "once more: $*" >&2; sleep 5; "$@"; }
}
