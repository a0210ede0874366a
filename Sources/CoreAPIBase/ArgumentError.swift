/// An argument or an option whose value is not allowed.
///
/// The text does not contain the value, which may be a secret.
public struct ArgumentError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name of the argument or of the option: `enqueueTimeout`.
    public let argument: String
    /// The values that are allowed: `100 ms to 30 s`.
    public let expectation: String

    /// Creates an error, for types that conform to a protocol of this package.
    public init(argument: String, expectation: String) {
        self.argument = argument
        self.expectation = expectation
    }

    /// `enqueueTimeout is 100 ms to 30 s`.
    public var description: String { "\(argument) is \(expectation)" }

    /// Throws if the condition does not hold.
    package static func check(
        _ condition: Bool, _ argument: String, _ expectation: String
    ) throws(ArgumentError) {
        if !condition { throw ArgumentError(argument: argument, expectation: expectation) }
    }
}
