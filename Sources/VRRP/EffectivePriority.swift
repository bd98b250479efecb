/// What is known of a tracked check.
package enum TrackOutcome: Equatable, Sendable {
    /// It has not reported yet.
    case unknown
    case succeeded
    case failed
    /// A tracked file holds this number.
    case value(Int)
}

/// The priority that a router advertises, and the sum that it comes from (keepalived.conf(5), `weight`).
///
/// keepalived's arithmetic: a positive weight is added while its check succeeds, a negative one while it
/// fails, neither before the check has reported; `reverse` turns the sign of what is added. The sum is held
/// within 1 to 254. The owner's base of 255 is never changed by a check. Standing as a last resort puts 1
/// in place of all that.
package struct EffectivePriority: Equatable, Sendable {
    /// One weight that counts at present.
    package struct Contribution: Equatable, Sendable {
        package var subject: Track.Subject
        package var amount: Int
    }

    package static let owner: UInt8 = 255
    package static let lastResort: UInt8 = 1

    package let base: UInt8
    package let standing: Standing
    package let contributions: [Contribution]

    package init(
        base: UInt8,
        standing: Standing,
        tracks: [Track],
        outcomes: [Track.Subject: TrackOutcome]
    ) {
        self.base = base
        self.standing = standing
        contributions =
            base == Self.owner
            ? []
            : tracks.compactMap { track in
                let amount = track.contribution(outcomes[track.subject] ?? .unknown)
                return amount == 0 ? nil : Contribution(subject: track.subject, amount: amount)
            }
    }

    package var value: UInt8 {
        guard standing == .full else { return Self.lastResort }
        guard base != Self.owner else { return Self.owner }
        let sum = contributions.reduce(Int(base)) { $0 + $1.amount }
        return UInt8(min(max(sum, 1), 254))
    }
}

extension EffectivePriority: CustomStringConvertible {
    /// The sum as a person would write it: `101 + 2 (chk_haproxy) = 103`.
    package var description: String {
        guard standing == .full else { return "\(value) (last resort; configured \(base))" }
        let terms = contributions.map { contribution in
            let sign = contribution.amount < 0 ? "-" : "+"
            return " \(sign) \(contribution.amount.magnitude) (\(contribution.subject.name))"
        }
        return terms.isEmpty ? "\(value)" : "\(base)\(terms.joined()) = \(value)"
    }
}

extension Track {
    /// What the track adds to the priority.
    func contribution(_ outcome: TrackOutcome) -> Int {
        let counts =
            switch outcome {
            case .unknown: false
            case .succeeded: weight > 0
            case .failed: weight < 0
            case .value: weight != 0
            }
        guard counts else { return 0 }
        guard case .value(let value) = outcome else { return reversed ? -weight : weight }
        return min(max(product(with: value), -Self.heaviest), Self.heaviest)
    }

    /// keepalived's limit of what one check adds or takes.
    private static let heaviest = 253

    private func product(with value: Int) -> Int {
        let signed = reversed ? -weight : weight
        let (product, overflow) = value.multipliedReportingOverflow(by: signed)
        guard overflow else { return product }
        return (value < 0) == (signed < 0) ? .max : .min
    }

    /// Whether the track faults its router: a failure, or a file's number other than 0, at weight 0, and a
    /// file's number that weighs less than -253. The owner has no weights.
    func isFault(_ outcome: TrackOutcome, ofOwner isOwner: Bool = false) -> Bool {
        switch outcome {
        case .unknown: false
        case .succeeded: weight == 0 && reversed
        case .failed: weight == 0 && !reversed
        case .value(let value):
            weight == 0
                ? (value != 0) != reversed
                : !isOwner && product(with: value) < -Self.heaviest
        }
    }

    /// Whether the router has to wait for the first report: a script of weight 0 has to say once that all
    /// is well before its router may take part. An interface is up until it is said to be down.
    func holdsBack(_ outcome: TrackOutcome) -> Bool {
        switch subject {
        case .script: weight == 0 && outcome == .unknown
        case .interface, .process, .file: false
        }
    }
}

extension Track.Subject {
    /// The name of the script or of the interface.
    package var name: String {
        switch self {
        case .script(let name), .interface(let name), .process(let name), .file(let name): name
        }
    }
}
