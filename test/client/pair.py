# SPDX-License-Identifier: BSD-2-Clause
"""Both ends of TLS in one process: a server with the key that the program's first argument names. Copied beside the program that imports it."""
import ssl, sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + "-cert.pem", sys.argv[1] + "-key.pem")
client = ssl.create_default_context(cafile="ca-cert.pem")
client.check_hostname = False

def handshake():
    sides = [(context, True), (client, False)]
    buffers = [ssl.MemoryBIO(), ssl.MemoryBIO()]
    ends = [c.wrap_bio(buffers[i], buffers[1 - i], server_side=s) for i, (c, s) in enumerate(sides)]
    for turn in range(8):
        try:
            ends[turn % 2].do_handshake()
        except ssl.SSLWantReadError:
            pass
    return ends[1].version() is not None
