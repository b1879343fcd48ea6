# The sessions that README.md shows, run again: its blocks of lines that begin with 'PS> ' and what each prints. A block runs on the stage that the
# last comment '<!-- stage: NAME -->' before it names, and does what '<!-- before: CODE -->' says first. Update-Readme writes what prints now.

Import-Module $PSScriptRoot/Support.psm1
Import-Module $PSScriptRoot/Serving.psm1

# Machines to begin with, each without moments unless it says otherwise.
$script:stages = @{
    nothing = { }
    week    = {
        New-StageMachine web1
        New-StageMachine db1
        New-VMCheckpoint web1 monday
        Write-Disk $place/web1-a.qcow2 'write 1M 40M', 'write 80M 1M'
        Write-Disk $place/web1-b.qcow2 'write 16M 2M'
        New-VMCheckpoint web1 tuesday
        New-VMCheckpoint web1 friday
        Set-VMMoment web1 tuesday -Current
        New-VMCheckpoint web1 saturday
    }
    running = {
        New-StageMachine web1
        New-VMCheckpoint web1 monday
        Start-VMDomain web1 -Paused
        Write-LiveDisk web1 'write 1M 3M'
    }
    backups = {
        New-StageMachine web1
        Write-Disk $place/web1-a.qcow2 'write 1M 20M'
        Backup-VMDomain web1 $place/backup
        Write-Disk $place/web1-a.qcow2 'write 30M 1M'
        Backup-VMDomain web1 $place/backup
        Backup-VMDomain web1 $place/backup
        Backup-VMDomain web1 $place/backup -Differential
    }
}

function New-StageMachine([string] $Name) {
    New-Disk $place/$Name-a.qcow2 10G
    New-Disk $place/$Name-b.qcow2 10G
    Register-VMDomain -Xml (Get-DomainXml $Name $place/$Name-a.qcow2, $place/$Name-b.qcow2)
}

# The parts of the text: sessions with their stage, and what is between them.
function Get-Session([string] $Text) {
    $stage = $null
    foreach ($match in [regex]::Matches($Text, '(?ms)^<!-- stage: (?<stage>\w+) -->$|^(?:<!-- before: (?<before>[^\n]+?) -->\n)?```\n(?<session>PS> .+?\n)```$')) {
        if ($match.Groups['stage'].Success) { $stage = $match.Groups['stage'].Value }
        else {
            [pscustomobject]@{ Stage = $stage; Fresh = $null; Before = $match.Groups['before'].Value; Text = $match.Groups['session'].Value; Index = $match.Groups['session'].Index }
            $stage = $null
        }
    }
}

# The lines that are typed, each with the lines that follow it with '>> '.
function Get-TypedLine([string] $Session) { [regex]::Matches($Session, '(?m)^PS> .*(?:\n>> .*)*').ForEach{ $_.Value -replace '(?m)^(PS>|>>) ' } }

# What a line prints at a prompt: its objects as they are shown, and the words of the other streams.
function Get-Print($Out) {
    $text = $Out | ForEach-Object {
        if ($_ -is [Management.Automation.VerboseRecord]) { "VERBOSE: $_" } elseif ($_ -is [Management.Automation.WarningRecord]) { "WARNING: $_" } else { $_ }
    } | Out-String -Width 130
    ($text -split '\r?\n' | ForEach-Object TrimEnd) -join "`n" -replace '\n{3,}', "`n`n" -replace '\A\n+(?=\S)', '' -replace '\s+\z', ''
}

# Runs the sessions in order and gives each with what it prints now. A session without a stage goes on where the one before it was.
function Invoke-Session([object[]] $Session) {
    $before = $env:MOMENTTOOLS_HOME, $env:XDG_RUNTIME_DIR
    $place = $null
    $PSStyle.OutputRendering = 'PlainText'
    try {
        foreach ($one in $Session) {
            if ($one.Stage) {
                if ($place) { Clear-Stage $place }
                $place = New-Place
                Set-Location $place
                & $script:stages[$one.Stage] | Out-Null
            }
            if ($one.Before) { . ([scriptblock]::Create($one.Before)) | Out-Null }
            $lines = foreach ($typed in Get-TypedLine $one.Text) {
                'PS> ' + ($typed -replace '\n', "`n>> ")
                # The module that is tested is imported already.
                if ($typed -like 'Import-Module *') { continue }
                $ConfirmPreference = 'None'
                # Where the place is on this host is nobody else's business.
                $print = (Get-Print (. ([scriptblock]::Create($typed)) 4>&1 3>&1)).Replace($place, '')
                if ($print) { $print -match '(?m)^-+ |^   VM: ' ? "`n$print`n" : "$print`n" }
            }
            $one | Select-Object Text, Index, @{ n = 'Now'; e = { ($lines -join "`n") -replace '\n+\z', '' -replace '\n{3,}', "`n`n" } }
        }
    }
    finally {
        if ($place) { Clear-Stage $place }
        $env:MOMENTTOOLS_HOME, $env:XDG_RUNTIME_DIR = $before
    }
}

function Clear-Stage([string] $Path) {
    Set-Location $PSScriptRoot
    Get-VMBlockExport | Stop-VMBlockExport -Confirm:$false
    Get-VMDomain | Get-VMBlockSnapshot | Remove-VMBlockSnapshot -Confirm:$false
    Remove-Place $Path
}

# A text without what is another one each time: ids, times, sockets, and the room that they take.
function Format-Print([string] $Text) {
    $Text -replace '\d{8}T\d{6}Z-[0-9a-f]{4}', 'ID' -replace '\d{8}-\d{6}-\d+', 'ID' -replace '\d{4}-\d\d-\d\d \d\d:\d\d', 'TIME' -replace '<creationTime>\d+', '<creationTime>' -replace
        '\b[0-9a-f]{12}\b', 'ID' -replace 'just now|\d+ (s|min) ago', 'AGE' -replace 'within [\d.]+ ms', 'within MS' -replace
        'momenttools/[0-9a-f]{8}/mt-nbd-[0-9a-f]{8}', 'SOCKET' -replace '(?m)[ -]{2,}|\s+$', ' ' -replace '\n\s*\n', "`n"
}

function Update-Readme([string] $Path = (Join-Path (Get-RepositoryRoot) README.md)) {
    $text = Get-Content $Path -Raw
    foreach ($one in Invoke-Session (Get-Session $text) | Sort-Object Index -Descending) {
        if ((Format-Print $one.Text) -ne (Format-Print "$($one.Now)`n")) { $text = $text.Remove($one.Index, $one.Text.Length).Insert($one.Index, "$($one.Now)`n") }
    }
    Set-Content $Path $text -NoNewline
}

Export-ModuleMember -Function Get-Session, Invoke-Session, Format-Print, Update-Readme
