package import Primitives

/// `global_defs`, as far as it concerns the whole process and no single router.
package struct GlobalSettings: Equatable, Sendable {
    /// `notify_fifo` and `vrrp_notify_fifo`: each gets a line for every change of state.
    package var notifyFIFOs: [NotifyFIFO] = []
    /// `fifo_write_vrrp_states_on_reload`.
    package var repeatsStatesOnReload = false
    /// `vrrp_notify_priority_changes`: the FIFOs hear of a changed priority too.
    package var notifiesPriorityChanges = false
    /// `dynamic_interfaces`: an interface that does not exist yet is no error.
    package var allowsMissingInterfaces = false
    /// `vrrp_priority`, `vrrp_rt_priority`: scheduling of the process; nil: as the service manager set it.
    package var niceness: Int?
    package var realTimePriority: Int?
    /// False with `vrrp_no_swap` absent: memory is locked where that is allowed.
    package var locksMemory = false
    /// `interface_up_down_delays`, seconds of debounce by interface.
    package var interfaceDelays: [String: InterfaceDelays] = [:]

    package init() {}
}

/// A named pipe for programs that follow the states (keepalived.conf(5), `vrrp_notify_fifo`).
package struct NotifyFIFO: Equatable, Sendable {
    package var path: String
    /// Who owns a pipe that is made; nil: root.
    package var user: String?
    package var group: String?
    /// `vrrp_notify_fifo_script`: kept running with the path as its last argument.
    package var script: [String]?
    package var scriptUser: String?
    package var scriptGroup: String?
    package var location: SourceLocation

    package init(path: String, location: SourceLocation) {
        self.path = path
        self.location = location
    }
}

/// How long a change of an interface has to last before it counts.
package struct InterfaceDelays: Equatable, Sendable {
    package var down: Duration
    package var up: Duration

    package init(down: Duration, up: Duration) {
        self.down = down
        self.up = up
    }
}

/// A `vrrp_sync_group`: its routers are MASTER together or not at all.
package struct SyncGroup: Equatable, Sendable {
    package var name: String
    /// Names of routers.
    package var members: [String]
    package var tracksWeights = false
    package var notifications: NotifyPrograms?
    package var location: SourceLocation

    package init(name: String, members: [String], location: SourceLocation) {
        self.name = name
        self.members = members
        self.location = location
    }
}

/// A `vrrp_track_process` block.
package struct TrackedProcess: Equatable, Sendable {
    package enum Match: Equatable, Sendable {
        /// The name alone.
        case name
        /// The name, and what follows it on the command line.
        case arguments([String], ArgumentMatch)
    }

    package enum ArgumentMatch: Equatable, Sendable {
        case equal
        /// `param_match partial`: the first arguments are these; more may follow.
        case leading
        /// `param_match initial`: these, of which the last may go on.
        case beginning
    }

    package var name: String
    /// The program and, where parameters are compared, what they have to be.
    package var program: String
    package var match: Match = .name
    /// It is the proxy under HAProxy's name: the proxy's health answers for it.
    package var asksForProxyProcess = false
    /// `full_command`: the whole path counts, not its last part alone.
    package var comparesPath = false
    package var quorum = 1
    /// Nil: any number above the quorum.
    package var quorumMaximum: Int?
    package var forkDelay: Duration = .zero
    package var terminateDelay: Duration = .zero
    package var weight = 0
    package var reversed = false
    package var location: SourceLocation

    package init(name: String, program: String, location: SourceLocation) {
        self.name = name
        self.program = program
        self.location = location
    }
}

/// A `vrrp_track_file` (`track_file`) block.
package struct TrackedFile: Equatable, Sendable {
    package var name: String
    package var path: String
    /// -254 to 254; 0: anything but 0 in the file is a fault.
    package var weight = 1
    package var reversed = false
    /// `init_file`: written at start with this number; overwritten only if the flag says so.
    package var initialValue: Int?
    package var overwrites = false
    package var location: SourceLocation

    package init(name: String, path: String, location: SourceLocation) {
        self.name = name
        self.path = path
        self.location = location
    }
}
