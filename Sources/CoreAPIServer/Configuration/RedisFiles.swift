internal import CoreAPIBase
internal import CoreAPIKit

/// The files of the configuration of Redis.
struct RedisFiles: CustomStringConvertible {
    /// The bytes of each file; nil of one that cannot be read, or that is too large.
    struct Contents: Equatable {
        let files: [[UInt8]?]
    }

    /// The file of the URL; nil without one.
    let url: String?
    let tls: TLSOptions

    private var paths: [String] { (url.map { [$0] } ?? []) + tls.paths }

    /// Whether there is any.
    var areWatched: Bool { !paths.isEmpty }

    /// The paths.
    var description: String { paths.joined(separator: ", ") }

    /// Reads all files. The calling thread blocks.
    func read() -> Contents { Contents(files: paths.map(TLSOptions.bytes)) }
}
