# files of test/tpm
