import Testing

@testable import CoreAPIBase
@testable import CoreAPIKit
@testable import CoreAPIRedis

@Suite struct RQJobOptionsTests {
    private func wrongArgument(_ change: (inout RQJobOptions) -> Void) -> String? {
        var options = RQJobOptions()
        change(&options)
        do throws(ArgumentError) {
            try options.check()
            return nil
        } catch { return error.argument }
    }

    @Test(arguments: [
        "__main__.make_transaction", "connector.run", "a.b.C.run", "_x._1", "A9.b9",
        "m." + String(repeating: "f", count: 253), "a.Class", "a.none", "a.class_", "a.match",
    ])
    func `a function is a dotted Python name`(name: String) {
        #expect(wrongArgument { $0.function = name } == nil)
    }

    @Test(arguments: [
        "", ".", "run", "a.", ".b", "a..b", "1a.b", "a.1b", "a b.c", "a.b()", "a.b ", " a.b",
        "a.class", "a.b.None", "import.b", "a.lambda.b", "a.True", "async.b", "a.yield",
        "a-b.c", "é.b", "a.b\n", "a/b.c", "a.'b", "m." + String(repeating: "f", count: 254),
    ])
    func `anything else is no function`(name: String) {
        #expect(wrongArgument { $0.function = name } == "function")
    }

    @Test func `times are in bounds`() {
        for seconds in [1, 180, 31_536_000, nil] {
            #expect(wrongArgument { $0.timeoutSeconds = seconds } == nil)
        }
        for seconds in [0, -1, 31_536_001, .max, .min] {
            #expect(wrongArgument { $0.timeoutSeconds = seconds } == "timeoutSeconds")
        }
        for lifetime in [
            RQJobOptions.FailureLifetime.standard, .forever, .limited(seconds: 1),
            .limited(seconds: 3_155_760_000),
        ] {
            #expect(wrongArgument { $0.failureLifetime = lifetime } == nil)
        }
        for seconds in [0, -1, 3_155_760_001, .max, .min] {
            #expect(
                wrongArgument { $0.failureLifetime = .limited(seconds: seconds) }
                    == "failureLifetime")
        }
    }

    @Test func `a key prefix is one that rq accepts, with one hash tag at most`() {
        for prefix in ["rq", "rq:a.b_c-D", "{rq}", "a{b}c", "9"] {
            #expect(wrongArgument { $0.keyPrefix = prefix } == nil)
        }
        for prefix in ["", "a b", "é", "{}", "{rq", "rq}", "}rq{", "{a}{b}", "{{a}}", "a\n", "a*"] {
            #expect(wrongArgument { $0.keyPrefix = prefix } == "keyPrefix")
        }
    }

    @Test func `the words of a job's times are rq's`() {
        var options = RQJobOptions()
        #expect(options.timeoutWord == "180")
        #expect(options.failureLifetimeWord == nil)
        options.timeoutSeconds = nil
        options.failureLifetime = .forever
        #expect(options.timeoutWord == "-1")
        #expect(options.failureLifetimeWord == "-1")
        options.timeoutSeconds = 7
        options.failureLifetime = .limited(seconds: 8)
        #expect(options.timeoutWord == "7")
        #expect(options.failureLifetimeWord == "8")
    }

    @Test func `the keys of Core API lie in the slot of the queue's key`() {
        for (prefix, tag) in [
            ("rq", "{rq:queue:q}"), ("{rq}", "{rq}:queue:q"), ("a{b}", "a{b}:queue:q"),
        ] {
            let keys = RQKeys(name: "q", prefix: prefix)
            #expect(keys.list == "\(prefix):queue:q")
            #expect(keys.queues == "\(prefix):queues")
            #expect(keys.workers == "\(prefix):workers:q")
            #expect(keys.jobStart == "\(prefix):job:")
            let list = Array(keys.list.utf8)
            #expect(HashTag.text(of: list) == Array(tag.utf8))
            let session = ProducerCall.sessionKeyStart(list)
            #expect(session == Array("core-api:session:\(tag):".utf8))
            #expect(HashSlot(ofKey: session) == HashSlot(ofKey: list))
        }
    }
}
