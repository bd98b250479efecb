import Messages
import Primitives

/// The outcome of every check script after rise and fall (keepalived.conf(5), `rise`, `fall`, `init_fail`).
///
/// The first run decides at once, as in keepalived: a check begins one success short of good. A check whose
/// runner falls silent counts as failed, for silence is no health.
struct CheckLedger: Equatable, Sendable {
    struct Terms: Equatable, Sendable {
        /// What is run, and as whom: another command is another check, whatever its name.
        var program: ProgramOrder
        var rise: Int
        var fall: Int
        var startsFailed: Bool
        /// How long after its start or its last result a check may be silent.
        var silence: Duration
    }

    /// A check whose outcome is another than before.
    struct Change: Equatable, Sendable {
        var name: String
        var succeeded: Bool
    }

    private struct Entry: Equatable, Sendable {
        var terms: Terms
        /// Nil: it has not reported yet.
        var succeeded: Bool?
        /// Results in a row that speak against `succeeded`.
        var against = 0
        var silentAt: Instant
    }

    private var entries: [String: Entry] = [:]

    init() {}

    func outcome(of name: String) -> Bool? { entries[name]?.succeeded }

    /// Begins to keep a check, or gives one that is kept other terms; what is known of it stays, unless
    /// another program answers from now on: its first result decides.
    mutating func keep(_ name: String, _ terms: Terms, at now: Instant) -> Change? {
        if let known = entries[name], known.terms.program == terms.program {
            entries[name]?.terms = terms
            entries[name]?.silentAt = now + terms.silence
            return nil
        }
        let succeeded: Bool? = terms.startsFailed ? false : nil
        entries[name] = Entry(terms: terms, succeeded: succeeded, silentAt: now + terms.silence)
        return terms.startsFailed ? Change(name: name, succeeded: false) : nil
    }

    mutating func forget(_ name: String) {
        entries[name] = nil
    }

    /// The names of all checks that are kept.
    var names: [String] { entries.keys.sorted() }

    /// One result of a check. Nil when it changes nothing, or nobody asked.
    mutating func record(_ name: String, succeeded: Bool, at now: Instant) -> Change? {
        guard var entry = entries[name] else { return nil }
        defer { entries[name] = entry }
        entry.silentAt = now + entry.terms.silence
        guard let known = entry.succeeded else {
            entry.succeeded = succeeded
            return Change(name: name, succeeded: succeeded)
        }
        guard succeeded != known else {
            entry.against = 0
            return nil
        }
        entry.against += 1
        guard entry.against >= (succeeded ? entry.terms.rise : entry.terms.fall) else { return nil }
        entry.against = 0
        entry.succeeded = succeeded
        return Change(name: name, succeeded: succeeded)
    }

    /// Fails everything, because nobody runs checks any more.
    mutating func failAll() -> [Change] {
        names.compactMap { name in
            guard entries[name]?.succeeded != false else { return nil }
            entries[name]?.succeeded = false
            return Change(name: name, succeeded: false)
        }
    }

    var nextDeadline: Instant? {
        entries.values.filter { $0.succeeded != false }.map(\.silentAt).min()
    }

    /// Fails what has been silent for too long.
    mutating func deadline(at now: Instant) -> [Change] {
        names.compactMap { name in
            guard var entry = entries[name], entry.succeeded != false, entry.silentAt <= now else {
                return nil
            }
            entry.succeeded = false
            entry.against = 0
            entries[name] = entry
            return Change(name: name, succeeded: false)
        }
    }
}
