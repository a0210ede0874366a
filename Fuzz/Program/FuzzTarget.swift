/// A fuzz target. To add one: add a case here, its function, and a folder of that name with inputs
/// in `Fuzz/corpus/`; add a dictionary in `Fuzz/dictionaries/` if the format has words.
enum FuzzTarget: String, CaseIterable {
    /// A connection's bytes: head, body, pipelined requests.
    case request
    /// The response of a server that the client asks, and a URL.
    case response
    /// A JSON text, against Foundation's reader.
    case json
    /// A token's header and payload, and a token as it was received.
    case token
    /// The replies of Redis.
    case redis
    /// The handlers of Redis replies: login, queues, probes.
    case probe
    /// The same replies, as answers to a consumer's commands.
    case consumer
    /// The replies of sentinels.
    case sentinel
    /// A JWK Set.
    case keyset
    /// The value of an `Idempotency-Key` field.
    case key
    /// A failed job's traceback, compressed or not, and its description.
    case letter

    /// Ends the program if a property does not hold for these bytes.
    func run(_ bytes: [UInt8]) {
        switch self {
        case .request: RequestTarget.run(bytes)
        case .response: ResponseTarget.run(bytes)
        case .json: JSONTarget.run(bytes)
        case .token: TokenTarget.run(bytes)
        case .redis: RedisTarget.run(bytes)
        case .probe: ProbeTarget.run(bytes)
        case .consumer: ConsumerTarget.run(bytes)
        case .sentinel: SentinelTarget.run(bytes)
        case .keyset: KeySetTarget.run(bytes)
        case .key: KeyTarget.run(bytes)
        case .letter: LetterTarget.run(bytes)
        }
    }
}

/// Ends the program with the message unless the property holds; libFuzzer reports the input. Unlike
/// `precondition`, it prints the message in an optimized build too.
func demand(_ holds: Bool, _ finding: @autoclosure () -> String) {
    if !holds { fatalError("found: \(finding())") }
}

/// The value, which must be there.
func demand<Value>(_ value: Value?, _ finding: @autoclosure () -> String) -> Value {
    guard let value else { fatalError("found: \(finding())") }
    return value
}
