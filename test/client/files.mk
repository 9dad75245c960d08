# files of test/client
