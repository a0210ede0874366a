/// Where a reading of dead letters continues: `PLACE POSITION`, or, for an action on many,
/// `PLACE/REMAINING POSITION`.
struct DeadLetterCursor {
    /// The number of the partition.
    var place: Int
    /// How many letters of the place are still to be examined; nil if that is not counted yet.
    var remaining: Int?
    /// After which letter it continues; empty for the beginning.
    var position: String

    static func start(of place: Int) -> DeadLetterCursor {
        DeadLetterCursor(place: place, remaining: nil, position: "")
    }

    private init(place: Int, remaining: Int?, position: String) {
        (self.place, self.remaining, self.position) = (place, remaining, position)
    }

    /// The cursor of a text; the beginning for nil and for a text that is no cursor.
    init(_ text: String?) {
        self = .start(of: 0)
        guard let text else { return }
        let parts = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = parts[0].split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let first = numbers.first, let place = Int(first), place >= 0
        else { return }
        self.place = place
        position = String(parts[1])
        if numbers.count == 2 { remaining = Int(numbers[1]).map { max(0, $0) } }
    }

    var text: String { remaining.map { "\(place)/\($0) \(position)" } ?? "\(place) \(position)" }
}
