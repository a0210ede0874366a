internal import CoreAPIBase
internal import CoreAPIHTTP
internal import CoreAPIKit

/// Encodes spans as the JSON of OTLP (OpenTelemetry Protocol 1.x, 'JSON Protobuf Encoding'): ids
/// are hexadecimal, 64-bit numbers are strings, enumerations are numbers.
struct OTLPEncoder {
    private enum Kind: Int { case server = 2, producer = 4 }
    private enum Value {
        case text(String)
        case integer(Int)
    }
    private typealias Attributes = [(name: String, value: Value)]

    private let resource: [(name: String, value: String)]
    /// The name of the queue, without its kind.
    private let destination: String

    /// `STATUS_CODE_ERROR`.
    private static let errorStatus = 2
    /// Bits of a span's flags beside those of W3C: the parent is known to be remote, or not.
    private static let (knowsRemote, isRemote) = (0x100, 0x200)

    /// - Parameter resource: the attributes of this service.
    init(resource: [(name: String, value: String)], destination: String) {
        self.resource = resource
        self.destination = destination
    }

    /// The body of a request to `/v1/traces`.
    func body(_ requests: [RequestSpans]) -> [UInt8] {
        var json = JSONWriter(capacity: 1_536 * requests.count + 512)
        json.raw("{\"resourceSpans\":[{\"resource\":{\"attributes\":")
        add(resource.map { ($0.name, .text($0.value)) }, to: &json)
        json.raw("},\"scopeSpans\":[{\"scope\":{\"name\":\"core-api\",\"version\":")
        json.text(Command.versionNumber)
        json.raw("},\"spans\":[")
        for (index, request) in requests.enumerated() {
            if index > 0 { json.raw(",") }
            addServer(request, to: &json)
            guard let enqueued = request.enqueued else { continue }
            json.raw(",")
            addProducer(request, enqueued, to: &json)
        }
        json.raw("]}]}]}")
        return json.bytes
    }

    private func addServer(_ request: RequestSpans, to json: inout JSONWriter) {
        var attributes: Attributes = [
            ("http.request.method", .text("POST")),
            ("http.route", .text(ResourceName.all[ResourceName.transaction])),
            ("url.path", .text(ResourceName.all[ResourceName.transaction])),
            ("url.scheme", .text("http")),
            ("http.response.status_code", .integer(request.status)),
        ]
        if let code = request.code { attributes.append(("core_api.code", .text(code.rawValue))) }
        // By OpenTelemetry's conventions for HTTP, the caller's errors are none of the server.
        let isError = request.status >= 500
        if isError, let code = request.code {
            attributes.append(("error.type", .text(code.rawValue)))
        }
        add(
            "POST \(ResourceName.all[ResourceName.transaction])", .server, request,
            span: request.trace.server, parent: request.trace.caller, isRemote: true,
            began: request.began, attributes, isError: isError, to: &json)
    }

    private func addProducer(
        _ request: RequestSpans, _ enqueued: Int64, to json: inout JSONWriter
    ) {
        var attributes: Attributes = [
            ("messaging.system", .text("redis")),
            ("messaging.destination.name", .text(destination)),
            ("messaging.operation.name", .text("publish")),
            ("messaging.operation.type", .text("send")),
        ]
        if let id = request.transactionID {
            attributes.append(("messaging.message.id", .text(id.description)))
        }
        if let code = request.code { attributes.append(("error.type", .text(code.rawValue))) }
        add(
            "publish \(destination)", .producer, request, span: request.trace.producer,
            parent: request.trace.server, isRemote: false, began: enqueued, attributes,
            isError: request.code != nil, to: &json)
    }

    private func add(
        _ name: String, _ kind: Kind, _ request: RequestSpans, span: TraceParent,
        parent: TraceParent?, isRemote: Bool, began: Int64, _ attributes: Attributes,
        isError: Bool, to json: inout JSONWriter
    ) {
        json.raw("{\"traceId\":\"\(span.traceID)\",\"spanId\":\"\(span.parentID)\"")
        if let parent { json.raw(",\"parentSpanId\":\"\(parent.parentID)\"") }
        if let state = request.state {
            json.raw(",\"traceState\":")
            json.text(state.description)
        }
        let flags =
            1 | OTLPEncoder.knowsRemote | (isRemote && parent != nil ? OTLPEncoder.isRemote : 0)
        json.raw(",\"flags\":\(flags),\"name\":")
        json.text(name)
        json.raw(",\"kind\":\(kind.rawValue),\"startTimeUnixNano\":\"\(began)\"")
        json.raw(",\"endTimeUnixNano\":\"\(max(request.ended, began))\",\"attributes\":")
        add(attributes, to: &json)
        json.raw(isError ? ",\"status\":{\"code\":\(OTLPEncoder.errorStatus)}}" : ",\"status\":{}}")
    }

    private func add(_ attributes: Attributes, to json: inout JSONWriter) {
        json.raw("[")
        for (index, (name, value)) in attributes.enumerated() {
            json.raw(index == 0 ? "{\"key\":" : ",{\"key\":")
            json.text(name)
            switch value {
            case .text(let text):
                json.raw(",\"value\":{\"stringValue\":")
                json.text(text)
            case .integer(let number): json.raw(",\"value\":{\"intValue\":\"\(number)\"")
            }
            json.raw("}}")
        }
        json.raw("]")
    }
}
