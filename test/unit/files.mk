# files of test/unit
