import Primitives

/// Why a time could not be taken as it stands.
enum TimeProblem: Equatable {
    case notATime
    /// More than 2147483647 ms, as in HAProxy.
    case tooLong
    /// Not zero, and less than a millisecond.
    case tooShort
}

enum Time {
    /// A number with `us`, `ms`, `s`, `m`, `h` or `d`; milliseconds without (manual §2.5).
    ///
    /// `trailing` is what stands behind the unit: HAProxy warns of it.
    static func parse(
        _ text: String
    ) -> Result<(duration: Duration, trailing: String), TimeProblemError> {
        let digits = text.utf8.prefix { (48...57).contains($0) }
        guard !digits.isEmpty else { return .failure(.init(problem: .notATime)) }
        let number = digits.reduce(Int64(0)) { sum, digit in
            min(sum * 10 + Int64(digit - 48), 1 << 50)
        }
        var rest = Substring(text).dropFirst(digits.count)
        let units: [(String, Int64)] = [
            ("us", 1), ("ms", 1000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000),
            ("d", 86_400_000_000),
        ]
        var scale: Int64 = 1000
        if let unit = units.first(where: { rest.hasPrefix($0.0) }) {
            scale = unit.1
            rest = rest.dropFirst(unit.0.count)
        } else if !rest.isEmpty {
            return .failure(.init(problem: .notATime))
        }
        let (microseconds, overflow) = number.multipliedReportingOverflow(by: scale)
        guard !overflow, microseconds <= 2_147_483_647_000 else {
            return .failure(.init(problem: .tooLong))
        }
        guard microseconds == 0 || microseconds >= 1000 else {
            return .failure(.init(problem: .tooShort))
        }
        return .success((.milliseconds(microseconds / 1000), String(rest)))
    }
}

struct TimeProblemError: Error, Equatable {
    var problem: TimeProblem
}

extension Interpreter {
    /// Nil after an error.
    mutating func time(
        _ text: String?,
        of keyword: String,
        at location: SourceLocation
    ) -> Duration? {
        guard let text else {
            report.error(
                location,
                "'\(keyword)' needs a time",
                mend: "write one, such as '\(keyword) 5s'"
            )
            return nil
        }
        switch Time.parse(text) {
        case .success(let parsed):
            if !parsed.trailing.isEmpty {
                report.warning(
                    location,
                    "'\(parsed.trailing)' behind the unit of '\(keyword) \(text)' is ignored",
                    mend: "write us, ms, s, m, h or d"
                )
            }
            return parsed.duration
        case .failure(let error):
            switch error.problem {
            case .notATime:
                report.error(
                    location,
                    "'\(text)' is not a time for '\(keyword)'",
                    mend: "expected a number with us, ms, s, m, h or d; milliseconds without"
                )
            case .tooLong:
                report.error(
                    location,
                    "'\(keyword) \(text)' is longer than 2147483647 ms (24.8 days)",
                    mend: "write a shorter one"
                )
            case .tooShort:
                report.error(
                    location,
                    "'\(keyword) \(text)' is shorter than a millisecond",
                    mend: "write 1ms or more"
                )
            }
            return nil
        }
    }

    /// Nil after an error.
    mutating func integer(
        _ text: String?,
        of keyword: String,
        in range: ClosedRange<Int>,
        at location: SourceLocation
    ) -> Int? {
        if let text, text.utf8.count <= 12, let value = Int(text), range.contains(value) {
            return value
        }
        report.error(
            location,
            text.map { "'\(keyword) \($0)' is not a number in range" }
                ?? "'\(keyword)' needs a number",
            mend: "expected \(range.lowerBound) to \(range.upperBound)"
        )
        return nil
    }
}
