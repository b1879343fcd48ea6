# A PowerShell at a terminal of its own, made by script(1): what is typed there goes the way of keys, and Ctrl-C becomes a signal.

class Terminal {
    hidden [Diagnostics.Process] $Process
    hidden [Text.StringBuilder] $Text = [Text.StringBuilder]::new()
    hidden [Threading.Tasks.Task[int]] $Reading
    hidden [char[]] $Buffer = [char[]]::new(4096)
    # What came since the last command.
    [string] $Said

    Terminal([string] $shell, [string] $first) {
        $start = [Diagnostics.ProcessStartInfo]@{ FileName = 'script'; RedirectStandardInput = $true; RedirectStandardOutput = $true; RedirectStandardError = $true }
        '-qfc', "stty rows 50 cols 200; exec '$shell' -NoProfile -NoLogo -NoExit -File '$first'", '/dev/null' | ForEach-Object { $start.ArgumentList.Add($_) }
        $start.Environment['TERM'] = 'dumb'
        $this.Process = [Diagnostics.Process]::Start($start)
    }

    [void] Send([string] $line) {
        $this.Text.Clear()
        $this.Said = ''
        $this.Key([Text.Encoding]::ASCII.GetBytes($line))
        # Each key is echoed; with the end of the line it begins.
        $end = [datetime]::UtcNow.AddSeconds(30)
        while (-not $this.Text.ToString().Contains("`n") -and [datetime]::UtcNow -lt $end) { $this.Prompt(20) }
    }

    [void] Interrupt() { $this.Key(3) }

    hidden [void] Key([byte[]] $bytes) {
        $this.Process.StandardInput.BaseStream.Write($bytes, 0, $bytes.Length)
        $this.Process.StandardInput.BaseStream.Flush()
    }

    # How many milliseconds of that time QEMU itself took; what was asked of it until then is forgotten.
    [double] Own([datetimeoffset] $since, [datetimeoffset] $until) {
        $this.Send("'own:{0}:' -f [int][QmpWatch]::Waited('$($since.ToString('o'))', '$($until.ToString('o'))').TotalMilliseconds; [QmpWatch]::Clear()`r")
        if (-not $this.Shows('own:(\d+):[^~]*at:the:prompt', 60000)) { throw "The terminal does not tell how long QEMU took: $($this.Said)" }
        return [double][regex]::Match($this.Said, 'own:(\d+):').Groups[1].Value
    }

    # Whether the prompt came.
    [bool] Prompt([int] $milliseconds) { return $this.Shows('at:the:prompt', $milliseconds) }

    hidden [bool] Shows([string] $wanted, [int] $milliseconds) {
        $end = [datetime]::UtcNow.AddMilliseconds($milliseconds)
        while ($true) {
            $this.Said = $this.Text.ToString()
            if ($this.Said -match $wanted) { return $true }
            $left = $end - [datetime]::UtcNow
            if ($left -le [timespan]::Zero) { return $false }
            if (-not $this.Reading) { $this.Reading = $this.Process.StandardOutput.ReadAsync($this.Buffer, 0, $this.Buffer.Length) }
            if (-not $this.Reading.Wait($left)) { return $false }
            if ($this.Reading.Result -eq 0) { return $false }
            $came = [string]::new($this.Buffer, 0, $this.Reading.Result)
            $this.Reading = $null
            # Where the cursor is: a shell asks, and takes what is typed next for the answer.
            $asked = [regex]::Matches($came, '\e\[6n').Count
            for (; $asked; $asked--) { $this.Key([Text.Encoding]::ASCII.GetBytes("`e[1;1R")) }
            $this.Text.Append($came.Replace("`e[6n", ''))
        }
        return $false
    }

    [void] Dispose() {
        if (-not $this.Process.HasExited) { $this.Process.Kill($true) }
        $this.Process.WaitForExit()
        $this.Process.Dispose()
    }
}

function Start-Terminal([string] $Manifest, [string] $Place) {
    # Without the editor of lines, which asks its terminal for things that only a real one answers.
    Set-Content "$Place/terminal.ps1" "Remove-Module PSReadLine -ErrorAction Ignore; Import-Module '$Manifest', '$PSScriptRoot/CtrlC.Trace.psm1'; Get-VMDomain | Out-Null; Start-QmpWatch; `$ConfirmPreference = 'None'; function global:prompt { 'at:the:prompt' }"
    $terminal = [Terminal]::new([Environment]::ProcessPath, "$Place/terminal.ps1")
    if (-not $terminal.Prompt(60000)) { throw "The terminal gives no prompt: $($terminal.Said)" }
    $terminal
}

Export-ModuleMember -Function Start-Terminal
