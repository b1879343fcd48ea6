# Which parameter set PowerShell chooses for a command, found out by functions that have the commands' parameters and do nothing:
# no command of the module runs.

$script:common = [Management.Automation.PSCmdlet]::CommonParameters + [Management.Automation.PSCmdlet]::OptionalCommonParameters

function New-Stand([Management.Automation.CommandInfo] $Command) {
    $metadata = [Management.Automation.CommandMetadata]::new($Command)
    $binding = [Management.Automation.ProxyCommand]::GetCmdletBindingAttribute($metadata)
    $parameters = [Management.Automation.ProxyCommand]::GetParamBlock($metadata)
    [scriptblock]::Create("$binding param($parameters) process { `$PSCmdlet.ParameterSetName }")
}

function Get-Value([Management.Automation.CommandParameterInfo] $Parameter) {
    $type = $Parameter.ParameterType
    if ($type.IsArray) { $type = $type.GetElementType() }
    if ([Nullable]::GetUnderlyingType($type)) { $type = [Nullable]::GetUnderlyingType($type) }
    $legal = $Parameter.Attributes | Where-Object { $_ -is [Management.Automation.ValidateSetAttribute] } | Select-Object -First 1
    $range = $Parameter.Attributes | Where-Object { $_ -is [Management.Automation.ValidateRangeAttribute] } | Select-Object -First 1
    if ($legal) { $legal.ValidValues[0] }
    elseif ($range) { $range.MaxRange }
    elseif ($type -eq [switch]) { $true }
    elseif ($type -eq [scriptblock]) { { } }
    elseif ($type -eq [hashtable] -or $type -eq [Collections.IDictionary]) { @{ vda = 'x' } }
    elseif ($type -eq [datetimeoffset]) { [datetimeoffset]::Now }
    elseif ($type -eq [timespan]) { [timespan]'01:00' }
    elseif ($type -eq [MomentTools.VMMoment]) { [MomentTools.VMCheckpoint]::new() }
    elseif ($type.Namespace -eq 'MomentTools' -and -not $type.IsEnum) { $type::new() }
    elseif ($type.IsPrimitive) { 64MB }
    else { 'x' }
}

# What PowerShell says to a call: the set it chose, or the id and the words of its error.
function Resolve-Set([scriptblock] $Stand, [hashtable] $Named, [object[]] $Positional = @(), $Piped) {
    try {
        $set = if ($null -ne $Piped) { $Piped | & $Stand @Positional @Named } else { & $Stand @Positional @Named }
        [pscustomobject]@{ Set = $set; Id = ''; Words = '' }
    }
    catch {
        [pscustomobject]@{ Set = ''; Id = ($_.FullyQualifiedErrorId -split ',')[0]; Words = $_.Exception.Message }
    }
}

<#
Each set of a command is asked for: by the names of what it needs, with each of its other parameters, by position, through the
pipeline, and with one thing forgotten. What is not as it should be is told.
#>
function Find-SetTrouble([Management.Automation.CommandInfo] $Command) {
    $stand = New-Stand $Command
    $sets = $Command.ParameterSets
    foreach ($set in $sets) {
        $own = @($set.Parameters | Where-Object Name -NotIn $script:common)
        $needed = @($own | Where-Object IsMandatory)
        $named = @{}
        foreach ($parameter in $needed) { $named[$parameter.Name] = Get-Value $parameter }
        # Sets that need the same are told apart by what is theirs alone; the default wins.
        $key = ($needed.Name | Sort-Object) -join ' '
        $same = @($sets | Where-Object { (($_.Parameters.Where{ $_.IsMandatory -and $_.Name -notin $script:common }.Name | Sort-Object) -join ' ') -eq $key })
        $tell = { param($How, $Answer) [pscustomobject]@{ Command = $Command.Name; Set = $set.Name; How = $How; Got = "$($Answer.Set)$($Answer.Id)"; Words = $Answer.Words } }

        $answer = Resolve-Set $stand $named
        if ($answer.Set -ne $set.Name -and $same.Count -eq 1) { & $tell 'by name' $answer }
        if ($answer.Id) { & $tell 'by name' $answer }

        foreach ($other in $own | Where-Object { -not $_.IsMandatory }) {
            $more = $named + @{ $other.Name = Get-Value $other }
            $answer = Resolve-Set $stand $more
            if ($answer.Id) { & $tell "with -$($other.Name)" $answer }
            elseif ($other.Name -notin $sets.Where{ $_.Name -eq $answer.Set }.Parameters.Name) { & $tell "with -$($other.Name)" $answer }
        }

        # A function converts a value as soon as it stands at a position, a cmdlet only where nothing else fits: a script block's is left out.
        $last = ($needed | Where-Object ParameterType -NE ([scriptblock]) | Measure-Object Position -Maximum).Maximum
        $placed = @($own | Where-Object { $_.Position -ge 0 -and $_.Position -le $last } | Sort-Object Position)
        if ($placed -and $needed.ParameterType -notcontains [scriptblock]) {
            $rest = @{}
            $needed | Where-Object Position -LT 0 | ForEach-Object { $rest[$_.Name] = $named[$_.Name] }
            $answer = Resolve-Set $stand $rest $placed.ForEach{ , (Get-Value $_) }
            if ($answer.Id -or $answer.Set -ne $set.Name -and $same.Count -eq 1) { & $tell 'by position' $answer }
        }

        foreach ($piped in $needed | Where-Object ValueFromPipeline) {
            $rest = $named.Clone()
            $rest.Remove($piped.Name)
            $answer = Resolve-Set $stand $rest -Piped $named[$piped.Name]
            if ($answer.Id -or $answer.Set -ne $set.Name -and $same.Count -eq 1) { & $tell "-$($piped.Name) piped" $answer }
        }

        foreach ($forgotten in $needed) {
            $rest = $named.Clone()
            $rest.Remove($forgotten.Name)
            $answer = Resolve-Set $stand $rest
            if ($answer.Id -notin '', 'MissingMandatoryParameter') { & $tell "-$($forgotten.Name) forgotten" $answer }
        }
    }
}

Export-ModuleMember -Function Find-SetTrouble
