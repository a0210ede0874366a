internal import CoreAPIBase
internal import CoreAPIKit
internal import Logging

/// Writes log entries to standard error, one line each: as text for people, or as JSON.
struct LineLogHandler: LogHandler {
    var metadata = Logger.Metadata()
    var logLevel = Logger.Level.info

    private let format: Configuration.LogFormat

    init(format: Configuration.LogFormat) { self.format = format }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }
            .sorted { $0.key < $1.key }
            .map { (name: $0.key, value: "\($0.value)") }
        let time = UnixTime.now().timestamp
        switch format {
        case .text: Process.writeError(text(event, fields, time))
        case .json: Process.writeError(json(event, fields, time))
        }
    }

    private func text(
        _ event: LogEvent, _ fields: [(name: String, value: String)], _ time: String
    ) -> [UInt8] {
        var line = "\(time) \(event.level.rawValue) \(event.message)"
        for field in fields { line += " \(field.name)=\(field.value)" }
        // Replace control characters: a line break in a value would forge a log entry.
        return line.utf8.map { $0 < 0x20 ? UInt8(ascii: " ") : $0 } + [UInt8(ascii: "\n")]
    }

    private func json(
        _ event: LogEvent, _ fields: [(name: String, value: String)], _ time: String
    ) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"time\":")
        json.text(time)
        json.raw(",\"level\":")
        json.text(event.level.rawValue)
        json.raw(",\"message\":")
        json.text("\(event.message)")
        for field in fields {
            json.raw(",")
            json.text(field.name)
            json.raw(":")
            json.text(field.value)
        }
        json.raw("}\n")
        return json.bytes
    }
}
