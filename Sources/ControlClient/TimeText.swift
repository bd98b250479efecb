import Glibc

/// Times as text, without a locale.
package enum TimeText {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `2026-11-23T05:10:03.123Z` of nanoseconds since 1970.
    package static func iso8601(_ nanoseconds: UInt64) -> String {
        let seconds = nanoseconds / 1_000_000_000
        let (year, month, day) = civil(daysSince1970: Int(seconds / 86400))
        let time = Int(seconds % 86400)
        let millisecond = Int(nanoseconds / 1_000_000 % 1000)
        return "\(pad(year, 4))-\(pad(month))-\(pad(day))T"
            + "\(pad(time / 3600)):\(pad(time / 60 % 60)):\(pad(time % 60)).\(pad(millisecond, 3))Z"
    }

    /// supervisorctl's `Nov 23 05:10 AM`, in the machine's time zone.
    package static func short(_ nanoseconds: UInt64) -> String {
        let local = LocalTime(nanoseconds)
        return "\(months[local.month % 12]) \(pad(local.day)) \(pad((local.hour + 11) % 12 + 1)):"
            + "\(pad(local.minute)) \(local.hour < 12 ? "AM" : "PM")"
    }

    /// `Nov 23 05:10:03.123`, in the machine's time zone, as syslog has it.
    package static func precise(_ nanoseconds: UInt64) -> String {
        let local = LocalTime(nanoseconds)
        return "\(months[local.month % 12]) \(pad(local.day)) "
            + "\(pad(local.hour)):\(pad(local.minute)):\(pad(local.second))."
            + pad(Int(nanoseconds / 1_000_000 % 1000), 3)
    }

    /// supervisorctl's `0:01:02`, `1 day, 0:01:02` or `12 days, 3:04:05`.
    package static func uptime(milliseconds: UInt64) -> String {
        let seconds = Int(milliseconds / 1000)
        let clock = "\(seconds % 86400 / 3600):\(pad(seconds / 60 % 60)):\(pad(seconds % 60))"
        switch seconds / 86400 {
        case 0: return clock
        case 1: return "1 day, " + clock
        case let days: return "\(days) days, " + clock
        }
    }

    /// `3.605 s`: seconds to the millisecond, or `6.09 ms` below one.
    package static func seconds(microseconds: UInt64) -> String {
        guard microseconds >= 1_000_000 || microseconds == 0 else {
            return decimal(microseconds / 10, places: 2) + " ms"
        }
        return decimal(microseconds / 1000, places: 3) + " s"
    }

    /// A number of `places` decimal places, without zeros at its end.
    private static func decimal(_ number: UInt64, places: Int) -> String {
        let unit = (0..<places).reduce(UInt64(1)) { unit, _ in unit * 10 }
        let fraction = pad(Int(number % unit), places).reversed().drop { $0 == "0" }.reversed()
        return fraction.isEmpty ? "\(number / unit)" : "\(number / unit).\(String(fraction))"
    }

    /// Days to a date of the Gregorian calendar, by eras of 400 years that begin on 1 March.
    static func civil(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func pad(_ number: Int, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// A wall-clock time in the machine's time zone; `month` counts from 0.
private struct LocalTime {
    let month: Int
    let day: Int
    let hour: Int
    let minute: Int
    let second: Int

    init(_ nanoseconds: UInt64) {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = unsafe tm()
        _ = unsafe localtime_r(&seconds, &parts)
        month = Int(unsafe parts.tm_mon)
        day = Int(unsafe parts.tm_mday)
        hour = Int(unsafe parts.tm_hour)
        minute = Int(unsafe parts.tm_min)
        second = Int(unsafe parts.tm_sec)
    }
}
