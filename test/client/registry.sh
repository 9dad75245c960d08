# shellcheck shell=bash
# Clients that Debian has not: from npm and PyPI into a folder of the build, once. Each function fails without a network.

# from_registry NAME COMMAND...: the command makes NAME in that folder
from_registry() {
    local name=$1 home=$DEVID_BUILD/test/client/packages
    shift
    mkdir -p "$home" || return 1
    (
        flock 9
        cd "$home" || exit 1
        [ "$(cat "$name.made" 2>/dev/null)" = "$*" ] || { rm -rf "$name" && "$@" >"$name.log" 2>&1 && echo "$*" >"$name.made"; }
    ) 9>"$home/lock" && return
    tail -3 "$home/$name.log"
    echo "$name cannot be fetched or made"
    return 1
}

# fetch_node: pkcs11js and graphene-pk11 for the node of PATH, by NODE_PATH
fetch_node() {
    local headers
    command -v npm >/dev/null || { echo "npm is needed: apt-get install nodejs npm libnode-dev"; return 1; }
    headers=$(node -p 'require("path").resolve(process.execPath, "../..")') # node-gyp would fetch them from elsewhere
    [ -f "$headers/include/node/node_api.h" ] || { echo "Node's headers are needed: apt-get install libnode-dev"; return 1; }
    # shellcheck disable=SC2016  # sh -c expands it
    from_registry node sh -c 'mkdir node && cd node && echo "{\"allowScripts\": {\"pkcs11js\": true}}" >package.json &&
        npm_config_nodedir=$1 npm install --no-audit --no-fund --foreground-scripts pkcs11js@2.1.7 graphene-pk11@2.3.6' sh "$headers" || return 1
    export NODE_PATH=$DEVID_BUILD/test/client/packages/node/node_modules
}

# fetch_python: python-pkcs11, for the python3 that PATH has first then
fetch_python() {
    from_registry venv sh -c '/usr/bin/python3 -m venv venv && venv/bin/pip -q install python-pkcs11==0.10.1' || return 1
    PATH=$DEVID_BUILD/test/client/packages/venv/bin:$PATH
}

# fetch_pkcs11_provider: PKCS11_PROVIDER is its module, of the system, or of the backports of Debian 12
fetch_pkcs11_provider() {
    local where
    PKCS11_PROVIDER=$(openssl version -m | sed 's/.*"\(.*\)"/\1/')/pkcs11.so
    [ -f "$PKCS11_PROVIDER" ] && return
    # shellcheck disable=SC2016  # apt's own
    where=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Codename: bookworm' 2>/dev/null | head -1)
    [ -n "$where" ] || { echo "pkcs11-provider is needed: apt-get install pkcs11-provider"; return 1; }
    # shellcheck disable=SC2016  # sh -c expands it
    from_registry provider sh -c 'mkdir -p provider/lists/partial provider/cache/archives/partial && cd provider &&
        echo "deb $1 bookworm-backports main" >sources.list &&
        options="-qq -o Dir::Etc::sourcelist=$PWD/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/cache" &&
        apt-get $options update && apt-get $options download pkcs11-provider && dpkg -x pkcs11-provider_*.deb .' sh "$where" || return 1
    PKCS11_PROVIDER=$(find "$DEVID_BUILD/test/client/packages/provider" -name pkcs11.so)
}
