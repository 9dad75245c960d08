# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
#
# A chip vendor's part, for the quickstart and the tests.

# vendor_make_tpm STATE VENDOR [OPTION]...: a software TPM in the folder STATE, with an EK and its certificate by a CA of the vendor's own,
# which is kept in the folder VENDOR. The options are swtpm_setup's.
vendor_make_tpm() {
    cat >"$2/setup.conf" <<END
create_certs_tool = $(command -v swtpm_localca)
create_certs_tool_config = $2/localca.conf
create_certs_tool_options = $2/localca.options
END
    cat >"$2/localca.conf" <<END
statedir = $2
signingkey = $2/signkey.pem
issuercert = $2/issuercert.pem
certserial = $2/certserial
END
    cat >"$2/localca.options" <<END
--platform-manufacturer Example
--platform-version 1.0
--platform-model Gateway
END
    swtpm_setup --tpm2 --tpmstate "$1" --create-ek-cert --lock-nvram --config "$2/setup.conf" --overwrite "${@:3}"
}
