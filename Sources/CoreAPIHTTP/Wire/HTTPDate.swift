internal import CoreAPIBase

/// The date format of HTTP (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func text(_ time: UnixTime) -> [UInt8] {
        let days = Int(time.wholeSeconds / 86_400)
        let second = Int(time.wholeSeconds % 86_400)
        let date = CivilDate(daysSince1970: days)
        var text: [UInt8] = []
        text.append(text: HTTPDate.days[days % 7])
        text.append(text: ", ")
        text.append(decimal: date.day, width: 2)
        text.append(text: " ")
        text.append(text: months[date.month - 1])
        text.append(text: " ")
        text.append(decimal: date.year, width: 4)
        text.append(text: " ")
        text.append(decimal: second / 3_600, width: 2)
        text.append(text: ":")
        text.append(decimal: second / 60 % 60, width: 2)
        text.append(text: ":")
        text.append(decimal: second % 60, width: 2)
        text.append(text: " GMT")
        return text
    }
}
