/// The arguments of `core-api keys`.
struct KeysArguments: Equatable {
    /// A PEM file and the `kid` of its key; nil for the key's thumbprint.
    struct File: Equatable {
        let path: String
        let keyID: String?
    }

    private(set) var files: [File] = []

    init(_ arguments: ArraySlice<String>) throws(UsageError) {
        var rest = arguments
        var keyID: String?
        while let argument = rest.popFirst() {
            if argument == "--kid" {
                guard keyID == nil, let next = rest.popFirst(), !next.isEmpty else {
                    throw UsageError(reason: "--kid needs the ID of the key in the next file")
                }
                keyID = next
            } else if argument.hasPrefix("--") {
                throw UsageError(reason: "\"\(argument)\" is no option of keys")
            } else {
                files.append(File(path: argument, keyID: keyID))
                keyID = nil
            }
        }
        guard keyID == nil, !files.isEmpty else {
            throw UsageError(reason: "keys needs the path of a PEM file")
        }
    }
}
