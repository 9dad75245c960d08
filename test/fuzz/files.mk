# files of test/fuzz
include test/fuzz/est.mk
