import Primitives

/// `track_gateway`: a node that hears nobody, not even its gateway, may be cut off from its clients and from
/// the MASTER. It claims nothing, and it lets go of what it has.
///
/// The gateway's silence says nothing as soon as any peer is heard in it: then the gateway itself is gone, and
/// the address stays where it is. `docs/decisions/0009` has the whole rule.
extension VirtualRouter {
    /// Whether a router that nobody has replaced may become MASTER.
    var witnessPermitsClaim: Bool {
        guard settings.gateway != nil else { return true }
        return switch witness {
        case .answers, .discredited: true
        case .unknown, .silent: false
        }
    }

    mutating func hearGateway(at now: Instant) -> [RouterEffect] {
        witness = .answers
        switch state {
        case .initialize: return reconsider(at: now) { _ in }
        case .backup(var backup):
            guard backup.isWithheld else { return [] }
            // The link may be back, and with it a MASTER: one advertisement's time to hear it.
            backup.isWithheld = false
            backup.activeDownAt = now + activeInterval + skewTime
            state = .backup(backup)
        case .active(var active):
            active.isolatedAt = nil
            state = .active(active)
        }
        return []
    }

    mutating func missGateway(at now: Instant) -> [RouterEffect] {
        switch witness {
        case .silent, .discredited: return []
        case .unknown, .answers: witness = .silent(since: now)
        }
        switch state {
        case .initialize: return reviewRemnant(at: now)
        case .backup: return []
        case .active(var active):
            active.isolatedAt = isolationDeadline(at: now)
            state = .active(active)
            return []
        }
    }

    /// A MASTER gives its peers as long to be heard as a BACKUP gives the MASTER.
    func isolationDeadline(at now: Instant) -> Instant? {
        guard settings.gateway != nil, case .silent = witness else { return nil }
        return now + activeDownInterval
    }

    /// A peer is heard: whoever hears somebody is not alone.
    mutating func discreditWitness(by sender: IPAddress) -> [RouterEffect] {
        guard settings.gateway != nil, case .silent = witness else { return [] }
        witness = .discredited
        return [.note(.witnessDiscredited(sender))]
    }

    /// The timer of a BACKUP has fired, and the gateway is silent.
    mutating func withhold(_ backup: Backup, at now: Instant) -> [RouterEffect] {
        var backup = backup
        let isNew = !backup.isWithheld
        backup.isWithheld = true
        backup.activeDownAt = now + activeDownInterval
        state = .backup(backup)
        guard isNew else { return [] }
        counters.isolations &+= 1
        return [.note(.withheld)]
    }

    /// A MASTER that hears nobody lets go. Priority 0 reaches whoever is there all the same.
    mutating func letGoIsolated(at now: Instant) -> [RouterEffect] {
        counters.isolations &+= 1
        var silence = Duration.zero
        if case .silent(let since) = witness { silence = now - since }
        return [.releaseAddresses] + send(priority: 0)
            + move(to: .backup(freshBackup(at: now)), because: .isolated(silence), at: now)
    }
}
