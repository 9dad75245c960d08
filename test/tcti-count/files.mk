# files of test/tcti-count
