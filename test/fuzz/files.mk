# files of test/fuzz
