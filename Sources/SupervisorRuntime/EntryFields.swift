import Logging
import Supervision
import Systemd

/// A decision as a line of the log.
extension JournalEntry {
    /// What this node does for a fault is a warning; what it can't mend, an error.
    var level: Logger.Level {
        switch kind {
        case .fatal, .keptDespiteFault, .configurationRefused: .error
        case .steppedDown, .hung, .restarted, .noServers: .warning
        case .operatorFailover, nil: .notice
        }
    }

    var fields: LogFields {
        switch kind {
        case .steppedDown: LogFields(.steppedDown, incident: incident)
        case .operatorFailover: LogFields(.operatorFailover, incident: incident)
        case .keptDespiteFault: LogFields(.keptDespiteFault, incident: incident)
        case .hung(let name):
            LogFields(.processHung, incident: incident, process: name.rawValue)
        case .restarted(let name):
            LogFields(.processRestarted, incident: incident, process: name.rawValue)
        case .fatal(let name):
            LogFields(
                .processFatal,
                incident: incident,
                state: ProcessState.fatal.name,
                process: name.rawValue
            )
        case .noServers: LogFields(.noServers, incident: incident, process: "proxy")
        case .configurationRefused: LogFields(.configurationRefused, incident: incident)
        case nil: LogFields(incident: incident)
        }
    }
}
