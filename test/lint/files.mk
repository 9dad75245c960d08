# files of test/lint
