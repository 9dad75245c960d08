# files of doc
EXTRA_DIST += doc/examples/quickstart.conf
dist_doc_DATA = doc/renewal.md
figuredir = $(docdir)/figure
dist_figure_DATA = doc/figure/renewal.svg
dist_man_MANS += doc/man/devid.1 doc/man/devid.conf.5 doc/man/devid-pkcs11.7 doc/man/devid-provider.7
guidedir = $(docdir)/guide
dist_guide_DATA = \
	doc/guide/README.md \
	doc/guide/apache.md \
	doc/guide/transfer.md \
	doc/guide/curl.md \
	doc/guide/est.md \
	doc/guide/spire.md \
	doc/guide/haproxy.md \
	doc/guide/java.md \
	doc/guide/mosquitto.md \
	doc/guide/nginx.md \
	doc/guide/node.md \
	doc/guide/nss.md \
	doc/guide/openssh.md \
	doc/guide/openssl.md \
	doc/guide/openvpn.md \
	doc/guide/p11tool.md \
	doc/guide/pin.md \
	doc/guide/pkcs11-tool.md \
	doc/guide/postgres.md \
	doc/guide/programs.md \
	doc/guide/python.md \
	doc/guide/stunnel.md \
	doc/guide/wpa_supplicant.md
