internal import CoreAPIBase

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

    /// The cursor of a text; the beginning for nil. Throws for a text that no page or step of these
    /// letters has returned: an action must not begin anew by mistake.
    ///
    /// - Parameters:
    ///   - places: how many there are.
    ///   - isPosition: whether a text that is not empty is a position in a place.
    init(
        _ text: String?, places: Int, _ isPosition: (String) -> Bool
    ) throws(ArgumentError) {
        self = .start(of: 0)
        guard let text else { return }
        guard let cursor = DeadLetterCursor(parsing: text), cursor.place < places,
            cursor.position.isEmpty || isPosition(cursor.position)
        else {
            throw ArgumentError(
                argument: "after", expectation: "the cursor that a page or step has returned")
        }
        self = cursor
    }

    private init?(parsing text: String) {
        let parts = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let numbers = parts[0].split(separator: "/", omittingEmptySubsequences: false)
        guard numbers.count <= 2, let place = DeadLetterCursor.number(numbers[0]) else {
            return nil
        }
        (self.place, remaining, position) = (place, nil, String(parts[1]))
        guard numbers.count == 2 else { return }
        guard let count = DeadLetterCursor.number(numbers[1]) else { return nil }
        remaining = count
    }

    private static func number(_ text: Substring) -> Int? {
        let bytes = Array(text.utf8)
        return Digits.integer(0..<bytes.count, of: bytes.span)
    }

    /// Goes on to the next place that has letters.
    ///
    /// - Parameter counts: of the letters of each place; nil for one that is not reached.
    /// - Returns: the places that were passed over since they are not reached.
    mutating func skipEmpty(_ counts: [Int?]) -> [Int] {
        var unreached: [Int] = []
        while place < counts.count, counts[place] ?? 0 == 0 {
            if counts[place] == nil { unreached.append(place) }
            self = .start(of: place + 1)
        }
        return unreached
    }

    var text: String { remaining.map { "\(place)/\($0) \(position)" } ?? "\(place) \(position)" }
}
