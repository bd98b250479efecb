import Primitives
import VRRP

/// A `vrrp_instance` as it stands, before the defaults of `global_defs` are known.
struct InstanceDraft {
    var name: String
    var location: SourceLocation
    var isMaster = false
    var interface: String?
    var interfaceLocation: SourceLocation?
    var virtualRouterID: UInt8?
    var priority: UInt8?
    var interval: (value: Duration, text: String, location: SourceLocation)?
    var version: (version: ProtocolVersion, location: SourceLocation)?
    var isNativeV6 = false
    var listsAddresses = false
    var addresses: [AddressLine] = []
    var excluded: [AddressLine] = []
    var nopreempt: SourceLocation?
    var preemptDelay: (delay: Duration, location: SourceLocation)?
    /// Eight bytes.
    var password: (bytes: [UInt8], location: SourceLocation)?
    var unicast = UnicastDraft()
    var source: (address: IPAddress, location: SourceLocation)?
    var tracksSource: SourceLocation?
    var group: (address: IPAddress, location: SourceLocation)?
    var omitsPseudoHeader = false
    var downTimerAdvertisements: Int?
    var lowerPriorityUnanswered: Bool?
    var yieldsAloud: Bool?
    var tracksOwnInterface = true
    var virtualInterface: (name: String?, location: SourceLocation)?
    var advertisesFromBase: SourceLocation?
    var promotesSecondaries = false
    var gateway: GatewayChoice?
    var announcements = AnnouncementDraft()
    var tracks: [TrackDraft] = []
    var notify = NotifyDraft()
}

/// A line of `virtual_ipaddress`.
struct AddressLine {
    var address: VirtualAddress
    var location: SourceLocation
}

/// What an instance says about unicast; whether it is unicast is known at its end.
struct UnicastDraft {
    var peers: [(peer: UnicastPeer, location: SourceLocation)] = []
    var timeToLive: UInt8?
    var checksSource: Bool?
    /// The first keyword that makes sense with peers only.
    var keyword: (name: String, location: SourceLocation)?
    /// A peer that could not be read is an error already.
    var hasBadPeer = false
    /// `min_ttl` or `max_ttl`, which imply that the source is checked.
    var limitsHops = false
}

/// `track_gateway`.
struct GatewayChoice {
    /// Nil: `off`.
    var witness: GatewayWitness?
    var location: SourceLocation
}
