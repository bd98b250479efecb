import Primitives

/// Who has to go when another client comes: places are few, and root never finds all of them taken by others.
struct ControlRoom {
    static let places = 32
    /// Which only root gets.
    static let placesOfRoot = 4

    struct Guest {
        var token: UInt64
        var isRoot: Bool
        /// Nil: it waits for an answer.
        var idleSince: Instant?
    }

    enum Verdict: Equatable {
        case thereIsRoom
        case sendAway(UInt64)
        case full
    }

    /// Who asks nothing makes room for who may, and nobody of the group for as long as others of it ask nothing.
    static func verdict(forRoot isRoot: Bool, among guests: [Guest]) -> Verdict {
        let others = guests.filter { !$0.isRoot }
        if !isRoot, others.count >= places - placesOfRoot { return idlest(of: others) }
        guard guests.count >= places else { return .thereIsRoom }
        let fromOthers = idlest(of: others)
        return isRoot && fromOthers == .full ? idlest(of: guests) : fromOthers
    }

    private static func idlest(of guests: [Guest]) -> Verdict {
        let idle = guests.compactMap { guest in
            guest.idleSince.map { (token: guest.token, since: $0) }
        }
        return idle.min { $0.since < $1.since }.map { .sendAway($0.token) } ?? .full
    }
}
