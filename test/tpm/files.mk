# files of test/tpm
include test/tpm/est.mk
