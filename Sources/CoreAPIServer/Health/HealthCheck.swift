internal import CoreAPIBase
internal import CoreAPIKit

/// One of the checks of `/health` (draft-inadarei-api-health-check-06, §4).
struct HealthCheck {
    /// The words of the draft, §3.1, from the best to the worst.
    enum Status: String, CaseIterable {
        case pass, warn, fail

        /// The worst of all; `pass` of none.
        static func worst(of all: [Status]) -> Status {
            allCases.last { all.contains($0) } ?? .pass
        }
    }

    enum Observed: Equatable {
        case number(Int)
        /// A number of thousands, of which three digits of fraction are shown.
        case thousandths(Int)
        case text(String)
    }

    /// What was observed of what: `queue:depth`.
    let name: String
    let componentType: String
    var observed: Observed?
    var unit: String?
    var status = Status.pass
    /// For people: why it is not `pass`, or what the figure leaves out.
    var output: String?
    let time: UnixTime

    func write(to json: inout JSONWriter) {
        json.text(name)
        json.raw(": [{\"componentType\":")
        json.text(componentType)
        if let observed {
            json.raw(",\"observedValue\":")
            write(observed, to: &json)
        }
        if let unit {
            json.raw(",\"observedUnit\":")
            json.text(unit)
        }
        json.raw(",\"status\":")
        json.text(status.rawValue)
        if let output {
            json.raw(",\"output\":")
            json.text(output)
        }
        json.raw(",\"time\":")
        json.text(time.timestamp)
        json.raw("}]")
    }

    private func write(_ observed: Observed, to json: inout JSONWriter) {
        switch observed {
        case .number(let number): json.integer(number)
        case .thousandths(let number): json.thousandths(number)
        case .text(let text): json.text(text)
        }
    }
}
