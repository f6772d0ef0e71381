from __future__ import annotations

from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.architectures.time_network import TimeNetwork, TimeNetworkConfig
from zoo.catalogue import register
from zoo.errors import ComponentError
from zoo.layers.attention import ConditionalAttention
from zoo.layers.conv import Conv, Downsample, Upsample
from zoo.layers.linear import Linear
from zoo.layers.norm import LayerNorm
from zoo.layers.residual import ResidualBlock
from zoo.layers.time_embedding import sinusoidal_embedding
from zoo.typing import Key


@register("architecture", "unet")
class UNetConfig(TimeNetworkConfig):
    channels: Annotated[int, Field(ge=1)] = 4
    multipliers: Annotated[tuple[int, ...], Strict(False), Field(min_length=1)] = (2, 3, 4)
    residual_blocks: Annotated[int, Field(ge=1)] = 2
    heads: Annotated[int, Field(ge=1)] = 2
    drop_token: Literal["last", "first"] = "last"

    def build(self, *, shape, in_channels, out_channels, features, key):
        return UNet(self, in_channels, out_channels, features, key=key)


class Embedding(eqx.Module):
    hidden: Linear
    out: Linear
    def __init__(self, a, b, *, key):
        k1,k2=jax.random.split(key)
        self.hidden=Linear(a,b,use_bias=False,key=k1); self.out=Linear(b,b,use_bias=False,key=k2)
    def __call__(self, x): return self.out(jax.nn.silu(self.hidden(x)))

class Keys:
    def __init__(self,key): self.key=key
    def __call__(self):
        self.key,k=jax.random.split(self.key); return k

class Step(eqx.Module):
    attention: ConditionalAttention | None
    residual: ResidualBlock

class UNet(TimeNetwork):
    time: Embedding
    condition: Embedding
    first: Conv
    down: tuple[tuple[Step,...],...]
    downsample: tuple[Downsample,...]
    middle_first: ResidualBlock
    middle: tuple[Step,...]
    up: tuple[tuple[Step,...],...]
    upsample: tuple[Upsample,...]
    norm: LayerNorm
    last: Conv
    time_features: int = eqx.field(static=True)

    def __init__(self, config, in_channels, out_channels, features, *, key):
        nk = Keys(key)
        widths=[config.channels*m for m in config.multipliers]
        emb=widths[0]; size=2*emb; L=len(widths)
        self.time_features=emb
        self.time=Embedding(emb,size,key=nk()); self.condition=Embedding(features,size,key=nk())
        self.first=Conv(in_channels,config.channels,3,key=nk())
        att=lambda c,w: ConditionalAttention(c,w,config.heads,size,drop_token=config.drop_token,key=nk())
        res=lambda a,b: ResidualBlock(a,b,time_size=size,key=nk())
        c=config.channels; skips=[]; down=[]
        for i,w in enumerate(widths):
            steps=[]
            for _ in range(config.residual_blocks):
                a=None
                if i==L-2: a=att(c,w); skips.append(c)
                steps.append(Step(a,res(c,w))); c=w; skips.append(c)
            down.append(tuple(steps))
        self.down=tuple(down)
        self.downsample=tuple(Downsample(w,key=nk()) for w in widths[:-1])
        self.middle_first=res(c,c)
        self.middle=tuple(Step(att(c,c),res(c,c)) for _ in range(config.residual_blocks))
        up=[]
        for i,w in reversed(list(enumerate(widths))):
            steps=[]
            for _ in range(config.residual_blocks):
                c+=skips.pop(); a=None
                if i==L-2: a=att(c,w); c+=skips.pop()
                steps.append(Step(a,res(c,w))); c=w
            up.append(tuple(steps))
        self.up=tuple(up)
        self.upsample=tuple(Upsample(w,key=nk()) for w in widths[:0:-1])
        self.norm=LayerNorm(c); self.last=Conv(c,out_channels,1,key=nk())

    def __call__(self, x, time, features, *, key=None):
        t=self.time(sinusoidal_embedding(time,self.time_features)); c=self.condition(features)
        x=self.first(x); skips=[]
        for i,steps in enumerate(self.down):
            for s in steps:
                if s.attention is not None: x=s.attention(x,c); skips.append(x)
                x=s.residual(x,t); skips.append(x)
            if i<len(self.downsample): x=self.downsample[i](x)
        x=self.middle_first(x,t)
        for s in self.middle: x=s.residual(s.attention(x,c),t)
        for i,steps in enumerate(self.up):
            if i:
                x=self.upsample[i-1](x); x=x[:,:skips[-1].shape[1],:skips[-1].shape[2]]
            for s in steps:
                x=jnp.concatenate([skips.pop(),x],-1)
                if s.attention is not None:
                    x=jnp.concatenate([skips.pop(),s.attention(x,c)],-1)
                x=s.residual(x,t)
        return self.last(jax.nn.silu(self.norm(x))).astype(jnp.float32)
