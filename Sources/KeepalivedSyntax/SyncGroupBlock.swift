import Primitives
import VRRP

/// A `vrrp_sync_group` as it stands; its routers may be defined further down.
struct SyncGroupDraft {
    var name: String
    var location: SourceLocation
    var members: [(name: String, location: SourceLocation)] = []
    var tracksWeights = false
    var tracks: [TrackDraft] = []
    var notify = NotifyDraft()
}

extension Interpreter {
    mutating func readSyncGroup(_ block: Setting) {
        guard !block.value.isEmpty else {
            report.error(
                block.location,
                "'vrrp_sync_group' needs a name",
                mend: "write 'vrrp_sync_group VG_1 { … }'"
            )
            return
        }
        if let first = groups.first(where: { $0.name == block.value }) {
            report.error(
                block.location,
                "vrrp_sync_group '\(block.value)' is defined already at \(first.location)",
                mend: "give it a name of its own"
            )
            return
        }
        var draft = SyncGroupDraft(name: block.value, location: block.location)
        for setting in settings(
            of: block.children,
            in: Keywords.syncGroup,
            block: "vrrp_sync_group \(block.value)"
        ) {
            switch setting.keyword {
            case "group": readMembers(setting, into: &draft)
            case "track_script", "track_interface", "track_process", "track_file":
                draft.tracks += tracks(of: setting, existing: draft.tracks)
            case "sync_group_tracking_weight", "global_tracking": draft.tracksWeights = true
            case "notify_master", "notify_backup", "notify_fault", "notify_stop", "notify":
                readNotify(setting, into: &draft.notify)
            default: reportUnhandled(setting)
            }
        }
        groups.append(draft)
    }

    private mutating func readMembers(_ block: Setting, into draft: inout SyncGroupDraft) {
        for statement in block.children {
            for word in statement.words {
                if draft.members.contains(where: { $0.name == word.text }) {
                    report.warning(
                        statement.location,
                        "'\(word.text)' is in the group already",
                        mend: "remove it"
                    )
                } else {
                    draft.members.append((word.text, statement.location))
                }
            }
        }
    }

    /// The groups, once all routers are known.
    mutating func finishedGroups() -> [SyncGroup] {
        let names = instances.map(\.name)
        var grouped: [String: String] = [:]
        var result: [SyncGroup] = []
        for draft in groups {
            for member in draft.members {
                if !names.contains(member.name) {
                    report.error(
                        member.location,
                        "there is no vrrp_instance '\(member.name)', so the others of "
                            + "'\(draft.name)' would move without it",
                        mend: Spelling.nearest(to: member.name, among: names)
                            .map { "did you mean '\($0)'?" } ?? "remove it"
                    )
                } else if let other = grouped[member.name] {
                    report.error(
                        member.location,
                        "'\(member.name)' is in the sync group '\(other)' already",
                        mend: "leave it in one of them"
                    )
                }
                grouped[member.name] = draft.name
            }
            if draft.members.count < 2 {
                report.warning(
                    draft.location,
                    "the sync group '\(draft.name)' has "
                        + (draft.members.isEmpty ? "no router" : "one router only")
                        + ", so nothing moves together",
                    mend: "name two or more in 'group { … }', or remove the block"
                )
            }
            var group = SyncGroup(
                name: draft.name,
                members: draft.members.map(\.name),
                location: draft.location
            )
            group.tracksWeights = draft.tracksWeights
            group.notifications = finishedPrograms(of: draft.notify)
            if !draft.members.isEmpty { result.append(group) }
        }
        return result
    }
}
