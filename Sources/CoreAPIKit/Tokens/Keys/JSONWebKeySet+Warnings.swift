package import Logging

extension JSONWebKeySet {
    /// What the log says of each set: `keys`, their number, and `unused`, how many of them verify
    /// no token, with the `reason` of the first.
    package var logMetadata: Logger.Metadata {
        var metadata: Logger.Metadata = ["keys": "\(count)"]
        if let first = unusedKeys.first {
            metadata["unused"] = "\(unusedKeys.count)"
            metadata["reason"] = "of key \(first.index + 1), \(first.reason.rawValue)"
        }
        return metadata
    }

    /// Warns if a token without `kid` may be refused although a key of the set has signed it.
    ///
    /// - Parameters:
    ///   - source: where the set comes from.
    ///   - algorithms: those that are believed.
    package func warnOfUntriedKeys(
        _ logger: Logger, source: Logger.Metadata, _ algorithms: Set<TokenAlgorithm>
    ) {
        let names = algorithmsWithUntriedKeys(algorithms).map(\.rawValue)
        guard !names.isEmpty else { return }
        let details: Logger.Metadata = [
            "keys": "\(count)", "tried": "\(KeySetTokenVerifier.attemptsMax)",
            "algorithms": "\(names.joined(separator: ", "))",
        ]
        logger.warning(
            "the key set has more keys of an algorithm than a token without kid is tried with",
            metadata: source.merging(details) { $1 })
    }

    /// The algorithms of which the set has more keys than a token without `kid` is tried with. Keys
    /// whose signatures have another length are not tried.
    func algorithmsWithUntriedKeys(_ algorithms: Set<TokenAlgorithm>) -> [TokenAlgorithm] {
        TokenAlgorithm.allCases.filter { algorithm in
            guard algorithms.contains(algorithm) else { return false }
            let lengths = keys.compactMap { $0.verifier(algorithm)?.signatureBytes }
            return lengths.contains { length in
                lengths.count { $0 == length } > KeySetTokenVerifier.attemptsMax
            }
        }
    }
}
