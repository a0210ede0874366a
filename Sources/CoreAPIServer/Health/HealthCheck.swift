internal import CoreAPIBase
internal import CoreAPIKit

/// One of the checks of `/health` (draft-inadarei-api-health-check-06, §4).
struct HealthCheck {
    /// The status values of the draft, §3.1, from the best to the worst.
    enum Status: String, CaseIterable {
        case pass, warn, fail

        /// The worst of the statuses; `pass` for an empty list.
        static func worst(of all: [Status]) -> Status {
            allCases.last { all.contains($0) } ?? .pass
        }
    }

    enum Observed: Equatable {
        case number(Int)
        /// A number in thousandths, written with three decimal digits.
        case thousandths(Int)
        case text(String)
    }

    /// The component and its measurement: `queue:depth`.
    let name: String
    let componentType: String
    var observed: Observed?
    var unit: String?
    var status = Status.pass
    /// A text for people: why the status is not `pass`, or what the figure leaves out.
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
