# files of test/ca
