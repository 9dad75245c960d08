# files of test/tpm
include test/tpm/core.mk
include test/tpm/est.mk
include test/tpm/make.mk
include test/tpm/pkcs11.mk
include test/tpm/provider.mk
