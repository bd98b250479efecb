import Primitives
import Systemd
import VRRP

extension RouterTransition {
    /// keepalived's own words, which log watchers look for, and then why.
    func line(of router: String) -> String {
        "(\(router)) Entering \(to.name) STATE: \(reason.sentence)"
    }
}

extension RouterTransition {
    /// A router that is not yet, or no more, on the network is nobody's alarm.
    var messageID: MessageID? {
        switch to {
        case .active: .becameMaster
        case .backup: .becameBackup
        case .fault: .becameFault
        case .initialize: nil
        }
    }
}

extension RouterNote {
    var messageID: MessageID? {
        switch self {
        case .rivalHeard, .rivalDeaf, .addressAnswered: .rivalHeard
        case .addressRestored: .addressRestored
        case .withheld: .claimWithheld
        case .lowerPriorityHeard, .priorityChanged, .addressListDiffers, .masterHeard, .timerLate,
            .witnessDiscredited:
            nil
        }
    }
}

extension RouterTransition.Reason {
    var sentence: String {
        switch self {
        case .started: "started"
        case .masterDown: "no MASTER was heard for the master-down interval"
        case .preempted(let priority, let address):
            "\(address) is MASTER with the lower priority \(priority)"
        case .masterReleased(let address): "\(address) gave up"
        case .owner: "priority 255 owns the addresses"
        case .higherPriority(let priority, let address):
            "\(address) is MASTER with priority \(priority)"
        case .stepDown(let reason): "stepped down: \(reason.sentence)"
        case .stalled(let duration):
            "no advertisement was sent for \(duration.tenths) s, so someone else may be MASTER"
        case .fault(let cause): cause.sentence
        case .faultsCleared: "all faults are gone"
        case .adopted: "the addresses were still there from before this agent's restart"
        case .isolated(let duration):
            "neither a peer nor the gateway was heard for \(duration.tenths) s"
        case .syncGroup: "its sync group decided"
        case .shutdown: "shutting down"
        }
    }
}

extension StepDownReason {
    var sentence: String {
        switch self {
        case .proxyHung: "the proxy hangs"
        case .proxyNotRestarted: "the proxy was not back in time"
        case .proxyFatal: "the proxy can't be restarted"
        case .proxyStopped: "the proxy was stopped"
        case .noServers: "no server of the proxy is up"
        case .operatorRequest: "the operator asked for it"
        case .shutdown: "shutting down"
        }
    }
}

extension FaultCause {
    var sentence: String {
        switch self {
        case .interfaceMissing: "the interface does not exist"
        case .interfaceDown: "the interface is down"
        case .noSourceAddress: "the interface has no address to send from"
        case .cannotAdvertise: "no advertisement could be sent"
        case .cannotClaim: "the kernel refuses an address"
        case .syncGroup: "another member of the sync group is in FAULT"
        case .tracked(.script(let name)): "the check \(name) fails"
        case .tracked(.interface(let name)): "the tracked interface \(name) is down"
        case .tracked(.process(let name)): "the tracked process \(name) is not as it should be"
        case .tracked(.file(let name)): "the tracked file \(name) says so"
        }
    }
}

extension RouterNote {
    func line(of router: String) -> String {
        "(\(router)) " + sentence
    }

    private var sentence: String {
        switch self {
        case .lowerPriorityHeard(let priority, let address):
            "received lower priority \(priority) advert from \(address): taking over"
        case .rivalHeard(let priority, let address):
            "\(address) is MASTER too, with priority \(priority): staying MASTER"
        case .priorityChanged(let before, let after):
            "changing effective priority from \(before) to \(after)"
        case .addressRestored(let address):
            "\(address.prefix) was removed by someone else and has been put back"
        case .addressListDiffers(let addresses, let sender):
            "\(sender) advertises other addresses than ours: "
                + addresses.map(\.description).joined(separator: ", ")
        case .masterHeard(let priority, let address):
            "\(address) is MASTER with priority \(priority)"
        case .timerLate(let duration):
            "the master-down timer was read \(duration.tenths) s late: "
                + "waiting for one advertisement more"
        case .withheld:
            "neither a peer nor the gateway is heard: this node may be cut off and claims nothing"
        case .witnessDiscredited(let address):
            "the gateway is silent, but \(address) is heard: its silence no longer counts"
        case .rivalDeaf(let address):
            "\(address) does not hear our advertisements: telling it by unicast as well"
        case .addressAnswered(let address, let hardware):
            "\(hardware.hexadecimal) answers for \(address) too: announcing that it is here"
        }
    }
}

extension RouterNote {
    /// What the journal of decisions says of it; nil: nothing.
    var journalEntry: (event: String, decision: String, reason: String)? {
        switch self {
        case .rivalHeard(let priority, let address):
            (
                "\(address) is MASTER too", "stay MASTER and announce",
                "its priority \(priority) is the lower one"
            )
        case .rivalDeaf(let address):
            (
                "\(address) does not hear us", "tell it by unicast as well",
                "it goes on advertising a lower priority"
            )
        case .addressAnswered(let address, let hardware):
            (
                "\(hardware.hexadecimal) answers for \(address)", "announce the address again",
                "this node is MASTER"
            )
        case .withheld:
            (
                "no peer and no gateway is heard", "claim nothing",
                "this node may be cut off from its network"
            )
        case .witnessDiscredited(let address):
            (
                "the gateway is silent, \(address) is heard", "disregard the gateway",
                "whoever hears a peer is not cut off"
            )
        case .addressRestored(let address):
            ("\(address.prefix) was removed by someone else", "put it back", "this node is MASTER")
        case .lowerPriorityHeard, .priorityChanged, .addressListDiffers, .masterHeard, .timerLate:
            nil
        }
    }
}

extension [UInt8] {
    /// A hardware address as it is written.
    var hexadecimal: String {
        map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined(separator: ":")
    }
}

extension Duration {
    /// Seconds with one decimal.
    var tenths: String {
        let tenths = (milliseconds + 50) / 100
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// `2 h 3 min`, `3 min 5 s`, `5 s`.
    var spoken: String {
        let seconds = max(0, nanoseconds / 1_000_000_000)
        if seconds >= 86_400 { return "\(seconds / 86_400) d \(seconds / 3600 % 24) h" }
        if seconds >= 3600 { return "\(seconds / 3600) h \(seconds / 60 % 60) min" }
        if seconds >= 60 { return "\(seconds / 60) min \(seconds % 60) s" }
        return "\(seconds) s"
    }
}

extension GateNote {
    var sentence: String {
        switch self {
        case .foreignRouter(let router): "\(router)"
        case .otherChecksum(let virtualRouterID, let omitsPseudoHeader, let source):
            "\(source) computes the checksum of VRID \(virtualRouterID) "
                + (omitsPseudoHeader ? "without" : "with")
                + " the pseudo header, other than this node; it counts, but a less liberal peer drops ours "
                + "(v3_checksum_as_v2)"
        case .otherInterval(let virtualRouterID, let interval, let source):
            "\(source) advertises VRID \(virtualRouterID) every \(interval.milliseconds) ms, which is not "
                + "this node's advert_int: its own interval is what is waited for"
        case .firstAddressNotLinkLocal(let virtualRouterID, let source):
            "\(source) advertises VRID \(virtualRouterID) over IPv6 without a link-local address in the "
                + "first place (RFC 9568 §5.2.9); it counts"
        case .unicastHeard(let virtualRouterID, let source):
            "\(source) sends advertisements of VRID \(virtualRouterID) to this node alone, which "
                + "advertises to a group; they count"
        case .strangerHeard(let virtualRouterID, let source):
            "\(source) sends advertisements of VRID \(virtualRouterID) to this node and is none of its "
                + "unicast_peer addresses; they are dropped"
        case .ownAddressHeard(let virtualRouterID, let source):
            "an advertisement of VRID \(virtualRouterID) came from \(source), which is this node's own "
                + "address: another machine has the same address, such as a clone of this one, or the network "
                + "sends back what this node sends; it is disregarded, and two such machines are both MASTER"
        }
    }
}
