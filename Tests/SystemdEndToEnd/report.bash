# The table: a row for each fault, a group of columns for each stack, the bounds beside Tandem's.

# FILES…: "OUTAGE-MEDIAN OUTAGE-MIN OUTAGE-MAX REFUSED LOST BROKEN TWO NONE LATE RUNS", the largest of each but the first two.
summarise() {
    cat "$@" 2> /dev/null | awk '
        { for (i = 1; i <= NF; i++) { split($i, pair, "="); value[pair[1]] = pair[2]
              if (pair[2] > largest[pair[1]] + 0) largest[pair[1]] = pair[2] + 0 }
          outage[NR] = value["outage"] + 0 }
        END {
            if (NR == 0) exit
            for (i = 1; i <= NR; i++) for (j = i + 1; j <= NR; j++)
                if (outage[j] < outage[i]) { t = outage[i]; outage[i] = outage[j]; outage[j] = t }
            print outage[int((NR + 1) / 2)], outage[1], outage[NR], largest["refused"] + 0, largest["lost"] + 0,
                  largest["broken"] + 0, largest["two"] + 0, largest["none"] + 0, largest["late"] + 0, NR }'
}

within() { [ "$2" = - ] || [ "$1" -le "$2" ]; }

# Prints it and fails if a figure of Tandem's breaks its bound, or was not measured.
print_table() {
    local stacks=$1 name stack breaches=0 outage refused broken two none late counted missing
    local median least most lost cell breach line rule
    printf -v line '%-42s' "fault on the MASTER"
    for stack in $stacks; do
        case $stack in
        tandem) printf -v cell ' | %-26s %-12s %-12s %-14s %-14s' "Tandem: outage ms (bound)" refused "broken/100" "two owners ms" "no owner ms" ;;
        peer) printf -v cell ' | %-26s %-8s %-7s %-7s %-6s' "keepalived+haproxy: outage" refused broken two none ;;
        esac
        line+=$cell
    done
    echo
    echo "$line"
    rule=${line//[!|]/-}
    echo "${rule//|/+}"
    for name in "${only[@]}"; do
        printf -v line '%-42s' "${TITLE[$name]}"
        breach=
        for stack in $stacks; do
            "${stack}_names"
            counted=
            # shellcheck disable=SC2034 # read leaves every figure in its name
            read -r median least most refused lost broken two none late counted \
                <<< "$(summarise "$RESULTS/$stack/$name".*.figures)"
            outage=$median
            [ "${counted:-0}" -le 1 ] || outage="$median ($least-$most)"
            if ! applies "$name"; then outage=- refused=- broken=- two=- none=-
            elif [ -z "$counted" ]; then outage="not measured" refused= broken= two= none=; fi
            if [ "$stack" = tandem ]; then
                declare -A bound=()
                for cell in ${BOUND[$name]}; do bound[${cell%=*}]=${cell#*=}; done
                if [ -z "$counted" ]; then breach=" not measured"; else
                    within "$most" "${bound[outage]}" || breach+=" outage"
                    within "$refused" "${bound[refused]}" || breach+=" refused"
                    within "$broken" "${bound[broken]}" || breach+=" broken"
                    within "$two" "${bound[two]}" || breach+=" two-owners"
                    within "$none" "${bound[none]}" || breach+=" no-owner"
                fi
                printf -v cell ' | %-26s %-12s %-12s %-14s %-14s' "$outage (${bound[outage]})" "$refused (${bound[refused]})" \
                    "$broken (${bound[broken]})" "$two (${bound[two]})" "$none (${bound[none]})"
            else
                printf -v cell ' | %-26s %-8s %-7s %-7s %-6s' "$outage" "$refused" "$broken" "$two" "$none"
            fi
            line+=$cell
            [ "${late:-0}" -le 50 ] || line+=" (observer late by $late ms)"
        done
        [ -z "$breach" ] || { line+="  BREACH:$breach"; breaches=$((breaches + 1)); }
        echo "$line"
    done
    echo
    echo "Each run: two fresh nodes; $runs a fault. Timelines and journals: $RESULTS/"
    [ $breaches = 0 ] || { echo "$breaches of ${#only[@]} faults break a bound" >&2; return 1; }
}
